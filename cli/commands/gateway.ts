import type { Command } from 'commander';
import type { SiteConfig } from '../../controller/config/site.ts';
import { UsageError } from '../exit.ts';
import type { RemoteFlags } from '../gateway-remote.ts';
import type { Io } from '../io.ts';
import { addConfigOptions, type ConfigOptions, siteFrom } from '../config-options.ts';

/** `isthmus gateway run` */
type GatewayFlags = ConfigOptions &
  RemoteFlags & {
    readonly gateway?: string;
    readonly envoy?: string;
    readonly concurrency?: string;
  };

export function register(program: Command, io: Io): void {
  const gateway = program.command('gateway').description('gateways of this site');
  const command = gateway
    .command('run')
    .description('run a gateway: its agent and Envoy, beside the controller of this site or elsewhere')
    .option('--gateway <name>', 'which gateway of the Site; default: the first, elsewhere the one of the token')
    .option('--controller <host:port>', 'where the controllers listen, if not on this host; several with commas')
    .option('--controller-ca <file>', 'CA certificate of the own cluster (PEM), by which the controller is known')
    .option('--token-file <file>', 'token by which this gateway logs in; read anew at each call')
    .option('--envoy <program>', 'path of Envoy; default: ISTHMUS_ENVOY, the project tools, the PATH')
    .option('--concurrency <workers>', "Envoy's worker threads", '2')
    .addHelpText('after', HELP);
  addConfigOptions(command).action((flags: GatewayFlags) => run(flags, io));
}

const HELP = `
The agent makes the gateway's key in memory; it is never written anywhere. With the controller away, Envoy is
started with the last configuration that was kept.

With --controller the gateway may run anywhere from where the controller is reached. It needs no Site, one token
(\`isthmus token create --gateway NAME\`, or a projected one in Kubernetes) and the cluster CA's certificate
(STATE-DIR/trust/cluster-ca.pem of the controller); --health-listen and --metrics-listen are then the agent's own.

Examples:
  isthmus gateway run --state-dir /var/lib/isthmus
  isthmus gateway run --config site.yaml --gateway gateway-2
  isthmus gateway run --controller 10.0.0.5:15010,10.0.0.6:15010 --controller-ca cluster-ca.pem --token-file token`;

async function run(flags: GatewayFlags, io: Io): Promise<void> {
  const workers = workersOf(flags);
  const elsewhere = await import('../gateway-remote.ts');
  const remote = elsewhere.remoteRun(flags, io);
  if (remote !== undefined) {
    const site = await elsewhere.remoteSite(flags, io);
    if (site === undefined) return;
    const gateway = elsewhere.remoteGatewayName(flags.gateway, remote.login);
    const { runGateway } = await import('../run-gateway.ts');
    await runGateway(
      { ...site, replica: undefined },
      { gateway, envoy: flags.envoy, workers, remote },
      io.stopSignal(),
    );
    return;
  }
  const site = await siteFrom(flags, io);
  if (site === undefined) return;
  const gateway = gatewayOf(site, flags.gateway);
  const { runGateway } = await import('../run-gateway.ts');
  await runGateway(site, { gateway, envoy: flags.envoy, workers }, io.stopSignal());
}

function gatewayOf({ gateways }: Pick<SiteConfig, 'gateways'>, named: string | undefined): string {
  const name = named ?? gateways[0]?.name;
  if (name !== undefined && gateways.some((gateway) => gateway.name === name)) return name;
  const known = gateways.map((gateway) => gateway.name).join(', ');
  throw new UsageError(
    `the Site has no gateway ${name ?? ''}`,
    known === '' ? 'add one to spec.gateways' : `it has: ${known}`,
  );
}

function workersOf({ concurrency }: GatewayFlags): number {
  const workers = Number(concurrency);
  if (Number.isInteger(workers) && workers >= 1 && workers <= 256) return workers;
  throw new UsageError(`--concurrency ${concurrency} is not a number of workers`, 'use 1 to 256');
}
