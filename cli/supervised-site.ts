import { join } from 'node:path';
import { stateFolder } from '../controller/state-folder.ts';
import { SETTINGS } from '../controller/config/settings.ts';
import type { SiteConfig } from '../controller/config/site.ts';
import { SystemClock } from '../runtime/clock.ts';
import { createLogger } from '../runtime/log.ts';
import { SystemRandom } from '../runtime/random.ts';
import type { ConfigOptions } from './config-options.ts';
import { configFile } from './config-options.ts';
import { EXIT, ExitError, UsageError } from './exit.ts';
import type { Io } from './io.ts';
import { type Part, Supervisor } from './supervise.ts';

/** The process tree of one site (`up`, `init --up`, `join --up`): its controller and its gateways, in the foreground. */
const MAIN = join(import.meta.dirname, 'main.ts');

export interface SiteOptions extends ConfigOptions {
  /** Names of the gateways to run, separated by commas. Default: all of the Site. */
  readonly gateways?: string;
}

export function siteParts(config: SiteConfig, options: SiteOptions, io: Io): readonly Part[] {
  const flags = passedOn(options, io);
  const command = process.execPath;
  return [
    { name: 'controller', command, args: [MAIN, 'controller', ...flags], endsLast: true },
    ...gatewaysToRun(config, options).map(({ name }) => ({
      name: `gateway ${name}`,
      command,
      args: [MAIN, 'gateway', 'run', '--gateway', name, ...flags],
    })),
  ];
}

/** Runs until a signal. @throws ExitError when a part cannot run as configured */
export async function runSite(config: SiteConfig, options: SiteOptions, io: Io): Promise<void> {
  const log = createLogger({ level: config.logLevel, base: { component: 'up', cluster: config.cluster } });
  const supervisor = new Supervisor({ clock: new SystemClock(), random: new SystemRandom(), log });
  const signal = io.stopSignal();
  const running = supervisor.run(siteParts(config, options, io));
  io.stderr.write(`${greeting(config)}\n`);
  const onAbort = (): void => void supervisor.stop();
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const code = await running;
  if (code !== EXIT.ok) throw new ExitError(code);
}

/** Two process trees of one site on one host, one for each replica, may share its gateways between them. */
function gatewaysToRun({ gateways }: SiteConfig, options: SiteOptions): SiteConfig['gateways'] {
  if (options.gateways === undefined) return gateways;
  const wanted = options.gateways.split(',').filter((name) => name !== '');
  const unknown = wanted.find((name) => !gateways.some((gateway) => gateway.name === name));
  if (unknown !== undefined) {
    const known = gateways.map(({ name }) => name).join(', ');
    throw new UsageError(`the Site has no gateway ${unknown}`, `it has: ${known === '' ? 'none' : known}`);
  }
  return gateways.filter(({ name }) => wanted.includes(name));
}

function greeting(config: SiteConfig): string {
  const folder = stateFolder(config.stateDir).root;
  return `site ${config.cluster} of ${config.clusterset} runs; \`isthmus status --state-dir ${folder}\` shows it, Ctrl-C ends it`;
}

/** The flags that were given to `up`, for its parts; what came from the environment they inherit. */
function passedOn(options: ConfigOptions, io: Io): readonly string[] {
  const file = configFile(options, io);
  const given = SETTINGS.flatMap(({ name, flag, type }) => {
    const value = options[name];
    if (value === undefined) return [];
    if (type === 'switch') return [value === false ? flag.replace('--', '--no-') : flag];
    // A list is what was given in one flag or in several.
    const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
    return texts.flatMap((text) => (typeof text === 'string' ? [flag, text] : []));
  });
  return [...(file === undefined ? [] : ['--config', file]), ...given];
}
