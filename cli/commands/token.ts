import { resolve } from 'node:path';
import type { Command } from 'commander';
import { askController, stateDirOption } from '../admin-client.ts';
import { UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { formatObject, outputOption } from '../output/format.ts';

/** `isthmus token create` */
interface CreateOptions {
  readonly cluster: string;
  readonly ttl: string;
  readonly joinStore?: string;
  readonly stateDir: string;
  readonly output: 'table' | 'json' | 'yaml';
}

export function register(program: Command, io: Io): void {
  const token = program.command('token').description('tokens by which clusters join the clusterset');
  token
    .command('create')
    .description('make a single-use token for one cluster; runs on the authority, beside its controller')
    .requiredOption('--cluster <name>', 'the cluster that will join')
    .option('--ttl <duration>', 'how long it can be used', '15m')
    .option('--join-store <url>', 'store address that goes into the token; default: spec.joinStore, else the own store')
    .addOption(stateDirOption())
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText('after', HELP)
    .action((options: CreateOptions) => create(options, io));
}

const HELP = `
On Redis or Valkey the address in a token has a login that can only join (\`isthmus store acl\` makes it); a password-file in
it is read here, and the password put into the token.

The token is a secret until it is used: hand it over as you would a password. It is printed alone on standard output.

Examples:
  isthmus token create --cluster west
  isthmus token create --cluster west --ttl 1h | ssh west.example.org 'isthmus join --token-file - --gateway-address 198.51.100.7'`;

interface Made {
  readonly token: string;
  readonly cluster: string;
  readonly expiresAtMs: number;
  readonly warning?: string;
}

async function create(options: CreateOptions, io: Io): Promise<void> {
  const { parseDurationMs } = await import('../../sources/documents/fields.ts');
  const lifetimeMs = parseDurationMs(options.ttl);
  if (lifetimeMs === undefined)
    throw new UsageError(`--ttl ${options.ttl} is not a duration`, 'use for example 15m or 1h');
  const query = new URLSearchParams({ cluster: options.cluster, lifetimeMs: String(lifetimeMs) });
  if (options.joinStore !== undefined) {
    const { resolveStorePaths } = await import('../../controller/config/store-paths.ts');
    query.set(
      'store',
      resolveStorePaths(options.joinStore, (path) => resolve(io.cwd, path)),
    );
  }
  const answer = await askController(options.stateDir, `/v1/tokens?${query.toString()}`, 'POST');
  // The controller is this program in another process; `version` tells when the two differ.
  const made = answer as Made;
  const expiresAt = new Date(made.expiresAtMs).toISOString();
  if (made.warning !== undefined) io.stderr.write(`warning: ${made.warning}\n`);
  if (options.output !== 'table') {
    const object = { apiVersion: 'isthmus.dev/v1alpha1', kind: 'JoinToken', ...made, expiresAt };
    io.stdout.write(await formatObject(object, options.output));
    return;
  }
  io.stdout.write(`${made.token}\n`);
  io.stderr.write(
    `for cluster ${made.cluster}, once, until ${expiresAt}: isthmus join --token-file FILE --gateway-address HOST\n`,
  );
}
