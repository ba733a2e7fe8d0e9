import type { Command } from 'commander';
import { addConfigOptions, type ConfigOptions, siteFrom } from '../config-options.ts';
import type { Io } from '../io.ts';

/** `isthmus up` */
export function register(program: Command, io: Io): void {
  const command = program
    .command('up')
    .description('run a site in the foreground: its controller, its gateways and their Envoys')
    .option('--gateways <names>', 'which gateways of the Site to run, separated by commas; default: all')
    .option('--print-systemd', 'print a systemd unit that does the same, and exit')
    .addHelpText('after', HELP);
  addConfigOptions(command).action((options: UpOptions) => up(options, io));
}

type UpOptions = ConfigOptions & { readonly gateways?: string; readonly printSystemd?: boolean };

const HELP = `
Parts that end are started again. Ctrl-C or SIGTERM ends all of them; other clusters keep what they know of this one.

With --replica, several of these may run for one site: one of their controllers leads, the others follow and take over.

Examples:
  isthmus up                                           of the site in /var/lib/isthmus
  isthmus up --state-dir ./east
  isthmus up --replica a --gateways main               the other one: --replica b --gateways second
  isthmus up --print-systemd | sudo tee /etc/systemd/system/isthmus.service`;

async function up(options: UpOptions, io: Io): Promise<void> {
  const config = await siteFrom(options, io);
  if (config === undefined) return;
  if (options.printSystemd === true) {
    const { systemdUnit } = await import('../systemd-unit.ts');
    const { userInfo } = await import('node:os');
    const { gateways } = options;
    io.stdout.write(systemdUnit(config, { user: userInfo().username, gateways }));
    return;
  }
  const { runSite } = await import('../supervised-site.ts');
  await runSite(config, options, io);
}
