import type { Command } from 'commander';
import { styleText } from 'node:util';
import type { StatusObject } from '../../controller/views/status.ts';
import { askController, stateDirOption } from '../admin-client.ts';
import { EXIT, ExitError } from '../exit.ts';
import type { Io } from '../io.ts';
import { formatFinding } from '../output/findings.ts';
import { formatObject, type OutputFormat, outputOption } from '../output/format.ts';
import { formatAge } from '../output/table.ts';

/** `isthmus status` */
interface StatusOptions {
  readonly output: OutputFormat;
  readonly stateDir: string;
}

export function register(program: Command, io: Io): void {
  program
    .command('status')
    .description('show how this site and its peers are')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addOption(stateDirOption())
    .addHelpText('after', HELP)
    .action((options: StatusOptions) => show(options, io));
}

const HELP = `
Exit code 3 when the site is not ready or has an error.

Examples:
  isthmus status
  isthmus status --state-dir /var/lib/isthmus-west -o json`;

async function show(options: StatusOptions, io: Io): Promise<void> {
  const answer = await askController(options.stateDir, '/v1/status');
  // The controller is this program in another process; `version` tells when the two differ.
  const status = answer as StatusObject;
  if (options.output === 'json' || options.output === 'yaml')
    io.stdout.write(await formatObject(status, options.output));
  else io.stdout.write(`${pageOf(status, io).join('\n')}\n`);
  const failed = !status.ready || status.findings.some(({ severity }) => severity === 'error');
  if (failed) throw new ExitError(EXIT.problems);
}

function pageOf(status: StatusObject, io: Io): readonly string[] {
  const { peers, gateways, services } = status;
  const paint = (ok: boolean, text: string): string =>
    styleText(ok ? 'green' : 'red', text, { stream: io.stdout, validateStream: true });
  const peerParts = (['live', 'stale', 'unreachable', 'gone', 'unknown'] as const)
    .filter((verdict) => peers[verdict] > 0)
    .map((verdict) => `${peers[verdict]} ${verdict}`);
  return [
    row('Cluster', `${status.cluster} in clusterset ${status.clusterset}, network ${status.network}`),
    row('Version', `${status.version}, up ${formatAge(status.uptimeSeconds) ?? ''}`),
    ...(status.role.replica === undefined ? [] : [row('Replica', roleText(status.role))]),
    row('Ready', paint(status.ready, status.ready ? 'yes' : 'no')),
    ...status.checks.map(({ name, ok, message }) =>
      row('', `${ok ? '+' : paint(false, '-')} ${name}${detail(message)}`),
    ),
    ...status.stores.map((store) => row('Store', storeText(store, paint))),
    row('Peers', peers.total === 0 ? 'none yet' : `${peers.total}: ${peerParts.join(', ')}`),
    row(
      'Gateways',
      `${gateways.connected} of ${gateways.total} connected, ${gateways.pending} pending, ${gateways.refused} refused`,
    ),
    row('Services', `${services.exported} exported, ${services.callable} callable, ${services.conflicts} in conflict`),
    ...status.certificates.map(({ name, notAfter, remainingSeconds }) =>
      row(
        'Certificate',
        `${name} until ${notAfter} (${remainingSeconds > 0 ? formatAge(remainingSeconds) : paint(false, 'expired')})`,
      ),
    ),
    row('Roster', `version ${status.rosterVersion}`),
    ...status.findings.map((finding) =>
      row(finding.severity === 'error' ? paint(false, 'Error') : 'Warning', formatFinding(finding)),
    ),
  ];
}

/** e.g. `redis://10.0.0.7:6379 up for 5m, lacks 2 clusters` */
function storeText(
  { url, up, forSeconds, behind = 0, pending, message }: StatusObject['stores'][number],
  paint: (ok: boolean, text: string) => string,
): string {
  const parts = [
    `${url} ${paint(up, up ? 'up' : 'down')} for ${formatAge(forSeconds) ?? ''}`,
    behind === 0 ? undefined : `lacks the newest of ${behind} ${behind === 1 ? 'cluster' : 'clusters'}`,
    pending === true ? 'lacks the newest of this cluster' : undefined,
    message,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** e.g. `a, leader for 5m, epoch 7` */
function roleText({ replica, kind, leader, epoch, forSeconds, message }: StatusObject['role']): string {
  const since = ` for ${formatAge(forSeconds) ?? ''}`;
  const parts = [
    replica,
    kind === 'follower' ? `follows ${leader ?? 'another'}${since}` : kind + since,
    epoch === undefined ? undefined : `epoch ${epoch}`,
    message,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

const LABEL_WIDTH = 14;

function row(label: string, text: string): string {
  return (label === '' ? '' : `${label}:`).padEnd(LABEL_WIDTH) + text;
}

function detail(message: string | undefined): string {
  return message === undefined ? '' : `: ${message}`;
}
