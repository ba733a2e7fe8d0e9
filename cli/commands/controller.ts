import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { addConfigOptions, type ConfigOptions, siteFrom } from '../config-options.ts';

/** `isthmus controller` */
export function register(program: Command, io: Io): void {
  const command = program
    .command('controller')
    .description('run the controller of a site in the foreground')
    .addHelpText('after', HELP);
  addConfigOptions(command).action((options: ConfigOptions) => run(options, io));
}

const HELP = `
File < environment (ISTHMUS_*) < flags. SIGTERM ends it in order: gateways and other clusters keep what they have.

Examples:
  isthmus controller --config site.yaml
  isthmus controller --state-dir /var/lib/isthmus      of a site made by init or join
  isthmus controller --config site.yaml --print-config
  isthmus controller --state-dir /var/lib/isthmus --replica b      beside a replica a: one leads, the other takes over`;

async function run(options: ConfigOptions, io: Io): Promise<void> {
  const config = await siteFrom(options, io);
  if (config === undefined) return;
  const { SystemClock } = await import('../../runtime/clock.ts');
  const { createLogger } = await import('../../runtime/log.ts');
  const { SystemRandom } = await import('../../runtime/random.ts');
  const { runController } = await import('../../controller/run.ts');
  const { cluster, replica } = config;
  const base = { component: 'controller', cluster, ...(replica === undefined ? {} : { replica }) };
  const log = createLogger({ level: config.logLevel, base });
  await runController(config, { clock: new SystemClock(), random: new SystemRandom(), log }, io.stopSignal());
}
