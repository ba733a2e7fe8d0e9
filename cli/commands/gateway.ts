import type { Command } from 'commander';
import { UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { addConfigOptions, type ConfigOptions, siteFrom } from '../config-options.ts';

/** `isthmus gateway run` */
type GatewayFlags = ConfigOptions & {
  readonly gateway?: string;
  readonly envoy?: string;
  readonly concurrency?: string;
};

export function register(program: Command, io: Io): void {
  const gateway = program.command('gateway').description('gateways of this site');
  const command = gateway
    .command('run')
    .description('run a gateway: its agent and Envoy, beside the controller of this site')
    .option('--gateway <name>', 'which gateway of the Site; default: the first')
    .option('--envoy <program>', 'path of Envoy; default: ISTHMUS_ENVOY, the project tools, the PATH')
    .option('--concurrency <workers>', "Envoy's worker threads", '2')
    .addHelpText('after', HELP);
  addConfigOptions(command).action((flags: GatewayFlags) => run(flags, io));
}

const HELP = `
The agent makes the gateway's key in memory; it is never written anywhere. With the controller away, Envoy is
started with the last configuration that was kept.

Examples:
  isthmus gateway run --state-dir /var/lib/isthmus
  isthmus gateway run --config site.yaml --gateway gateway-2`;

async function run(flags: GatewayFlags, io: Io): Promise<void> {
  const config = await siteFrom(flags, io);
  if (config === undefined) return;
  const name = flags.gateway ?? config.gateways[0]?.name;
  if (name === undefined || !config.gateways.some((gateway) => gateway.name === name)) {
    const known = config.gateways.map((gateway) => gateway.name).join(', ');
    throw new UsageError(
      `the Site has no gateway ${name ?? ''}`,
      known === '' ? 'add one to spec.gateways' : `it has: ${known}`,
    );
  }
  const workers = Number(flags.concurrency);
  if (!Number.isInteger(workers) || workers < 1 || workers > 256) {
    throw new UsageError(`--concurrency ${flags.concurrency} is not a number of workers`, 'use 1 to 256');
  }
  const { runGateway } = await import('../run-gateway.ts');
  await runGateway(config, { gateway: name, envoy: flags.envoy, workers }, io.stopSignal());
}
