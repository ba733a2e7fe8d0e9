import type { Command } from 'commander';
import { stateDirOption } from '../admin-client.ts';
import { EXIT, ExitError, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { formatObject, outputOption } from '../output/format.ts';
import type { CheckOutcome } from '../store/run-check.ts';

/** `isthmus store check` */
interface CheckOptions {
  readonly store: readonly string[];
  readonly clusterset?: string;
  readonly cluster?: string;
  readonly authority?: true;
  readonly stateDir: string;
  readonly output: 'table' | 'json' | 'yaml';
}

export function registerCheck(store: Command, io: Io): void {
  store
    .command('check')
    .description('find out whether a store is fit for use: reach, rights, version, memory, disk, contents')
    .option('--store <url>', "store to check; may be repeated; default: this site's", collect, [])
    .option('--clusterset <domain>', "DNS name of the clusterset; default: this site's")
    .option('--cluster <name>', 'cluster whose login it is; default: this one; without any, nothing is written')
    .option('--authority', "it is the authority's login; default: when this site is the authority")
    .addOption(stateDirOption())
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText('after', HELP)
    .action((options: CheckOptions) => check(options, io));
}

const HELP = `
Changes nothing: what must not be allowed is tried by commands that are refused for their form after the rights were looked
at, and the one key that is written, under the own name, is taken away again.

Exit code 3 when something is an error, 1 when the store cannot be reached, 2 when it refuses this login or the address is
wrong.

Examples:
  isthmus store check
  isthmus store check --store 'rediss://west@redis.example.org?password-file=west.password&ca=ca.pem' --clusterset prod.example.org --cluster west
  isthmus store check -o json | jq '.stores[].findings[] | select(.severity == "error")'`;

const EXIT_CODES: Readonly<Record<CheckOutcome, number>> = {
  looked: EXIT.problems,
  unreachable: EXIT.failure,
  refused: EXIT.usage,
};

async function check(options: CheckOptions, io: Io): Promise<void> {
  const { isDnsName, parseClusterId } = await import('../../federation/model/ids.ts');
  const { checkPage } = await import('../store/check-page.ts');
  const { checkStoreUrl, openSiteStore, storeComponents, storeUrls } = await import('../store/open-site-store.ts');
  const { checkStore } = await import('../store/run-check.ts');
  const { probeOf } = await import('../store/redis-probe.ts');
  const { readSiteView } = await import('../store/site-view.ts');
  const view = await readSiteView(options.stateDir, io);
  const clusterset = options.clusterset ?? view.config?.clusterset ?? '';
  if (!isDnsName(clusterset))
    throw new UsageError('which clusterset? There is no site here to take it from', 'give --clusterset');
  const cluster = options.cluster === undefined ? view.config?.cluster : parseClusterId(options.cluster);
  const isAuthority = options.authority ?? view.config?.authority ?? false;
  const { clock } = storeComponents();
  const ownRanges = [...(view.config?.podCIDRs ?? []), ...(view.config?.serviceCIDRs ?? [])];
  const judge = { roots: view.roots, known: view.roster, ownRanges, whole: new Set<never>() };
  const checks = [];
  for (const url of storeUrls(options.store, view)) {
    await checkStoreUrl(url);
    checks.push(
      await checkStore(
        {
          clock,
          open: () => openSiteStore(url, view, clusterset),
          probe: probeOf(url, { clusterset, cluster, isAuthority }),
        },
        { ...judge, url, cluster, atMs: clock.epochMs() },
      ),
    );
  }
  const stores = checks.map(({ checked }) => checked);
  const object = { apiVersion: 'isthmus.dev/v1alpha1', kind: 'StoreCheck', stores } as const;
  io.stdout.write(options.output === 'table' ? checkPage(object) : await formatObject(object, options.output));
  const failed = checks.filter(({ checked }) => !checked.ok).map(({ outcome }) => EXIT_CODES[outcome]);
  if (failed.length > 0) throw new ExitError(Math.max(...failed));
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
