import { resolve } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../exit.ts';
import { addEnrolOptions, type EnrolOptions, newSite } from '../enrol-options.ts';
import type { Io } from '../io.ts';

/** `isthmus init` */
interface InitOptions extends EnrolOptions {
  readonly clusterset: string;
  readonly store: readonly string[];
  readonly joinStore?: string;
  readonly storeListen?: string;
  readonly dev?: boolean;
}

export function register(program: Command, io: Io): void {
  const command = program
    .command('init')
    .description('found a clusterset: make its root, and the first site, which is the authority')
    .requiredOption('--cluster <name>', 'name of this cluster')
    .requiredOption('--clusterset <domain>', 'DNS name of the new clusterset, e.g. prod.example.org')
    .option(
      '--store <url>',
      'link that `isthmus store serve` printed, or a redis: address; may be repeated; default: this site serves the store',
      collect,
      [],
    )
    .option('--join-store <url>', 'store address for join tokens, when the one of --store has a login in it')
    .option('--store-listen <host:port>', 'where this site serves the store; default: 0.0.0.0:15090')
    .option('--dev', 'a clusterset for development: loopback gateway addresses are allowed')
    .addHelpText('after', HELP);
  addEnrolOptions(command).action((options: InitOptions) => init(options, io));
}

const HELP = `
The root key stays in the state folder of this site: back it up. Then make a token for each further site.

Examples:
  isthmus init --clusterset prod.example.org --cluster east --gateway-address 203.0.113.1 --services ./services --up
  isthmus init --clusterset prod.example.org --cluster east --gateway-address 203.0.113.1 \\
    --store 'rediss://east@redis.example.org?password-file=east.password&ca=ca.pem' \\
    --join-store 'rediss://isthmus_join@redis.example.org?password-file=isthmus_join.password&ca=ca.pem'
  isthmus token create --cluster west`;

async function init(options: InitOptions, io: Io): Promise<void> {
  const { isDnsLabel, parseClusterId } = await import('../../federation/model/ids.ts');
  const cluster = options.cluster ?? '';
  if (!isDnsLabel(cluster))
    throw new UsageError(`--cluster ${cluster} is not a DNS label`, 'use letters, digits, dashes');
  const { initSite } = await import('../enrol.ts');
  const { hasLogin } = await import('../../controller/enrol/join-store.ts');
  const { resolveStorePaths } = await import('../../controller/config/store-paths.ts');
  const ownStore = options.store.length === 0;
  if (!ownStore && options.storeListen !== undefined) {
    throw new UsageError(
      '--store-listen is for the store that this site serves, and --store names another',
      'give one',
    );
  }
  const here = (url: string): string => resolveStorePaths(url, (path) => resolve(io.cwd, path));
  const stores = options.store.map(here);
  const site = newSite(
    options,
    {
      cluster: parseClusterId(cluster),
      clusterset: options.clusterset,
      store: ownStore ? ['embedded:store-server/store.db'] : stores.map((url) => url.replace(/[?&]claim=[^&]*/, '')),
      joinStore: options.joinStore === undefined ? undefined : here(options.joinStore),
      authority: true,
      dev: options.dev === true,
      storeListen: ownStore ? (options.storeListen ?? '0.0.0.0:15090') : undefined,
    },
    io,
  );
  const { founded } = await initSite(site, stores);
  io.stderr.write(`clusterset ${site.clusterset} founded, root ${founded.rootFingerprint}\n`);
  io.stderr.write(`site ${cluster} is in ${site.stateDir}\n`);
  if (site.joinStore === undefined && stores.some(hasLogin)) {
    io.stderr.write('tokens need a store address of their own: isthmus token create --join-store URL\n');
  }
  if (options.up !== true) {
    io.stderr.write(`run it with: isthmus up --state-dir ${site.stateDir}\n`);
    return;
  }
  const { siteFrom } = await import('../config-options.ts');
  const { runSite } = await import('../supervised-site.ts');
  const up = { stateDir: site.stateDir };
  const config = await siteFrom(up, io);
  if (config !== undefined) await runSite(config, up, io);
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
