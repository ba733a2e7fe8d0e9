import type { Command } from 'commander';
import { stateDirOption } from '../admin-client.ts';
import { EXIT, ExitError, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { formatObject, outputOption } from '../output/format.ts';

/** `isthmus store dump` */
interface DumpOptions {
  readonly cluster: readonly string[];
  readonly clusterset?: string;
  readonly store?: string;
  readonly stateDir: string;
  readonly output: 'table' | 'json' | 'yaml';
}

export function registerDump(store: Command, io: Io): void {
  store
    .command('dump')
    .description('show what is in the store, and whether it would be believed')
    .option('--cluster <name>', 'show only this cluster, with its records; may be repeated', collect, [])
    .option('--store <url>', "store to look at; default: this site's first")
    .option('--clusterset <domain>', "DNS name of the clusterset; default: this site's")
    .addOption(stateDirOption())
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText('after', HELP)
    .action((options: DumpOptions) => dump(options, io));
}

const HELP = `
HEAD is incarnation.epoch, version and beat. AGE is by the clock of the writer. VERIFIED is by the rule and under the roots by
which this site's controller accepts what it reads. On a machine without a site nothing can be pinned: the roster then
vouches for itself, which shows damage and no forgery. No secret of a join token is shown.

Exit code 3 when the roster or a cluster is not verified.

Examples:
  isthmus store dump
  isthmus store dump --cluster west -o yaml
  isthmus store dump --store 'redis://west@redis.example.org?password-file=/etc/isthmus/store.password' --clusterset prod.example.org`;

async function dump(options: DumpOptions, io: Io): Promise<void> {
  const { isDnsLabel, parseClusterId } = await import('../../federation/model/ids.ts');
  const { isRedisUrl } = await import('../../federation/store/redis/address.ts');
  const { displayStoreUrl } = await import('../../federation/store/display-url.ts');
  const { dumpStore } = await import('../store/dump.ts');
  const { dumpPage } = await import('../store/dump-page.ts');
  const { checkStoreUrl, openSiteStore, storeComponents, storeUrls } = await import('../store/open-site-store.ts');
  const { readContents } = await import('../store/read-contents.ts');
  const { readSiteView } = await import('../store/site-view.ts');
  const odd = options.cluster.find((name) => !isDnsLabel(name));
  if (odd !== undefined) throw new UsageError(`--cluster ${odd} is not a DNS label`);
  const view = await readSiteView(options.stateDir, io);
  const [url = ''] = storeUrls(options.store === undefined ? [] : [options.store], view);
  await checkStoreUrl(url);
  const clusterset = options.clusterset ?? view.config?.clusterset ?? '';
  // Keys in Redis begin with its name; the other stores have one clusterset each.
  if (clusterset === '' && isRedisUrl(url)) {
    throw new UsageError('which clusterset? There is no site here to take it from', 'give --clusterset');
  }
  const only = options.cluster.map(parseClusterId);
  const known = view.roster?.members.map(({ cluster }) => cluster) ?? [];
  await using store = await openSiteStore(url, view, clusterset);
  const contents = await readContents(store, { name: displayStoreUrl(url), only, known });
  const atMs = storeComponents().clock.epochMs();
  const ownRanges = [...(view.config?.podCIDRs ?? []), ...(view.config?.serviceCIDRs ?? [])];
  const dumped = dumpStore(contents, { roots: view.roots, known: view.roster, ownRanges, atMs, whole: new Set(only) });
  if (options.output === 'table') io.stdout.write(dumpPage(dumped, atMs));
  else io.stdout.write(await formatObject(dumped, options.output));
  if (!dumped.roster.verified || dumped.clusters.some(({ verified }) => !verified)) throw new ExitError(EXIT.problems);
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
