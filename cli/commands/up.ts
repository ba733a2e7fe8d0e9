import type { Command } from 'commander';
import { addConfigOptions, type ConfigOptions, siteFrom } from '../config-options.ts';
import type { Io } from '../io.ts';

/** `isthmus up` */
export function register(program: Command, io: Io): void {
  const command = program
    .command('up')
    .description('run a site in the foreground: its controller, its gateways and their Envoys')
    .option('--print-systemd', 'print a systemd unit that does the same, and exit')
    .addHelpText('after', HELP);
  addConfigOptions(command).action((options: UpOptions) => up(options, io));
}

type UpOptions = ConfigOptions & { readonly printSystemd?: boolean };

const HELP = `
Parts that end are started again. Ctrl-C or SIGTERM ends all of them; other clusters keep what they know of this one.

Examples:
  isthmus up                                           of the site in /var/lib/isthmus
  isthmus up --state-dir ./east
  isthmus up --print-systemd | sudo tee /etc/systemd/system/isthmus.service`;

async function up(options: UpOptions, io: Io): Promise<void> {
  const config = await siteFrom(options, io);
  if (config === undefined) return;
  if (options.printSystemd === true) {
    const { systemdUnit } = await import('../systemd-unit.ts');
    const { userInfo } = await import('node:os');
    io.stdout.write(systemdUnit(config, userInfo().username));
    return;
  }
  const { runSite } = await import('../supervised-site.ts');
  await runSite(config, options, io);
}
