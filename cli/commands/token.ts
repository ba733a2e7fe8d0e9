import { resolve } from 'node:path';
import type { Command } from 'commander';
import { askController, stateDirOption } from '../admin-client.ts';
import { UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { formatObject, outputOption } from '../output/format.ts';

/** `isthmus token create` */
interface CreateOptions {
  readonly cluster?: string;
  readonly gateway?: string;
  readonly ttl: string;
  readonly joinStore?: string;
  readonly stateDir: string;
  readonly output: 'table' | 'json' | 'yaml';
}

export function register(program: Command, io: Io): void {
  const token = program
    .command('token')
    .description('tokens by which clusters join the clusterset, and gateways their controller');
  token
    .command('create')
    .description('make a token for a cluster that joins (on the authority), or for a gateway on another host')
    .option('--cluster <name>', 'the cluster that will join; single use')
    .option('--gateway <name>', 'the gateway of this site that will run on another host; good until it is made again')
    .option('--ttl <duration>', 'how long a cluster can use it', '15m')
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
  isthmus token create --gateway gateway-2 | ssh gw2.example.org 'umask 077; cat > /etc/isthmus/token'
  isthmus token create --cluster west --ttl 1h | ssh west.example.org 'isthmus join --token-file - --gateway-address 198.51.100.7'`;

interface Made {
  readonly token: string;
  readonly cluster: string;
  readonly expiresAtMs: number;
  readonly warning?: string;
}

async function create(options: CreateOptions, io: Io): Promise<void> {
  if ((options.cluster === undefined) === (options.gateway === undefined)) {
    throw new UsageError('a token is for one cluster or for one gateway', 'give --cluster NAME or --gateway NAME');
  }
  await (options.gateway === undefined
    ? createForCluster({ ...options, cluster: options.cluster ?? '' }, io)
    : createForGateway({ ...options, gateway: options.gateway }, io));
}

interface MadeForGateway {
  readonly token: string;
  readonly cluster: string;
  readonly gateway: string;
  readonly warning?: string;
}

async function createForGateway(
  { gateway, stateDir, output }: CreateOptions & { gateway: string },
  io: Io,
): Promise<void> {
  const query = new URLSearchParams({ gateway });
  const answer = await askController(stateDir, `/v1/gateway-tokens?${query.toString()}`, 'POST');
  // As below.
  const made = answer as MadeForGateway;
  if (made.warning !== undefined) io.stderr.write(`warning: ${made.warning}\n`);
  if (output !== 'table') {
    const object = { apiVersion: 'isthmus.dev/v1alpha1', kind: 'GatewayToken', ...made };
    io.stdout.write(await formatObject(object, output));
    return;
  }
  io.stdout.write(`${made.token}\n`);
  io.stderr.write(
    `for gateway ${made.gateway}, until it is made again: isthmus gateway run --controller HOST:15010 ` +
      '--controller-ca FILE --token-file FILE\n',
  );
}

async function createForCluster(options: CreateOptions & { cluster: string }, io: Io): Promise<void> {
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
