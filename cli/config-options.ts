import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { CONFIG_FILE_VARIABLE, SETTINGS } from '../controller/config/settings.ts';
import type { SiteConfig } from '../controller/config/site.ts';
import { stateFolder } from '../controller/state-folder.ts';
import { InvalidInputError } from '../runtime/errors.ts';
import { DEFAULT_STATE_DIR } from './admin-client.ts';
import type { Io } from './io.ts';
import { writeFindings } from './output/findings.ts';

/** `--config`, a flag for every setting, and `--print-config`, for the commands that run parts of a site. */
export type ConfigOptions = Readonly<Record<string, unknown>> & {
  readonly config?: string;
  readonly printConfig?: boolean;
};

export function addConfigOptions(command: Command): Command {
  command.addOption(
    new Option('-c, --config <file>', `Site file (or ${CONFIG_FILE_VARIABLE}); default: site.yaml of the state folder`),
  );
  for (const { flag, type, value, help, variable } of SETTINGS) {
    if (type === 'switch') {
      command.option(flag, `${help} (or ${variable})`).option(flag.replace('--', '--no-'), 'the opposite');
    } else {
      const option = new Option(`${flag} <${value.toLowerCase()}>`, `${help} (or ${variable})`);
      command.addOption(type === 'text' ? option : option.argParser(collected));
    }
  }
  return command.option('--print-config', 'print the effective configuration and exit');
}

/** A list may be given in one flag or in several. */
function collected(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/**
 * The configuration, or `undefined` when `--print-config` has printed it and there is nothing left to do.
 *
 * @throws InvalidInputError with every problem; the command line prints each and exits with code 2
 */
export async function siteFrom(options: ConfigOptions, io: Io): Promise<SiteConfig | undefined> {
  const { loadConfig } = await import('../controller/config/load.ts');
  const file = configFile(options, io);
  const loaded = await loadConfig({ file, env: io.env, flags: options, cwd: io.cwd });
  if (!loaded.ok)
    throw new InvalidInputError(file ?? `configuration without ${siteFile(options, io)}`, loaded.findings);
  writeFindings(loaded.findings, io);
  if (options.printConfig !== true) return loaded.config;
  const { printConfig } = await import('../controller/config/print.ts');
  io.stdout.write(printConfig(loaded.config, loaded.originOf));
  return undefined;
}

/** What `init` or `join` wrote into the state folder is used without being named: one command a site. */
export function configFile(options: ConfigOptions, io: Io): string | undefined {
  const named = options.config ?? io.env[CONFIG_FILE_VARIABLE];
  if (named !== undefined && named !== '') return named;
  const site = siteFile(options, io);
  return existsSync(site) ? site : undefined;
}

function siteFile(options: ConfigOptions, io: Io): string {
  const given = options['stateDir'] ?? io.env['ISTHMUS_STATE_DIR'];
  return stateFolder(resolve(io.cwd, typeof given === 'string' ? given : DEFAULT_STATE_DIR)).site;
}
