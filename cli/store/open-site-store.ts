import { existsSync } from 'node:fs';
import { checkStoreAddress } from '../../controller/enrol/store-files.ts';
import { stateFolder } from '../../controller/state-folder.ts';
import { loadSiteTrust } from '../../controller/site-trust.ts';
import type { Store } from '../../federation/store/contract.ts';
import { displayStoreUrl } from '../../federation/store/display-url.ts';
import { openStore, type OpenStoreComponents } from '../../federation/store/open.ts';
import type { StoreIdentity } from '../../federation/store/remote/identity.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { UsageError } from '../exit.ts';
import type { SiteView } from './site-view.ts';

/** Stores for commands that look at them from outside: as this site, beside its controller, for a moment. */
export function storeComponents(): Omit<OpenStoreComponents, 'clusterset' | 'identity'> {
  const log = createLogger({ level: 'error', base: { component: 'store' } });
  return { clock: new SystemClock(), random: new SystemRandom(), metrics: new Metrics(), log };
}

/** The stores to look at: those that were named, else the site's. @throws UsageError when there are none */
export function storeUrls(named: readonly string[], view: SiteView): readonly string[] {
  const urls = named.length > 0 ? named : (view.config?.store ?? []);
  if (urls.length > 0) return urls;
  throw new UsageError(`there is no site in ${view.stateDir} to take the store from`, 'give --store, or --state-dir');
}

/** @throws InvalidInputError, UsageError when nothing can come of it */
export async function checkStoreUrl(url: string): Promise<void> {
  await checkStoreAddress(url);
  refuseUseless(url);
}

export async function openSiteStore(url: string, view: SiteView, clusterset: string): Promise<Store> {
  return openStore(url, { ...storeComponents(), clusterset, identity: await siteIdentity(url, view) });
}

/** Opening an embedded store makes it when it is missing, which is not what looking at it means. */
function refuseUseless(url: string): void {
  if (url.startsWith('memory:')) {
    throw new UsageError('a memory: store lives in its own process', 'only that process can look at it');
  }
  const path = url.startsWith('embedded:') ? url.slice('embedded:'.length) : undefined;
  if (path === undefined || existsSync(path)) return;
  throw new UsageError(`there is no store at ${displayStoreUrl(url)}`, 'has its controller ever run? Compare the path');
}

/** A login certificate, made with the cluster's CA key in the state folder. Store servers alone ask for one. */
async function siteIdentity(url: string, { config, stateDir }: SiteView): Promise<StoreIdentity | undefined> {
  if (!url.startsWith('isthmus:') || config === undefined) return undefined;
  const { clock, random } = storeComponents();
  const { issuer } = await loadSiteTrust(
    { folder: stateFolder(stateDir), random },
    {
      cluster: config.cluster,
      clustersetDomain: config.clusterset,
      leafLifetimeMs: config.leafLifetimeMs,
      authority: false,
    },
  );
  const key = PrivateKey.generate();
  const svid = { key, chain: issuer.issueController(key.publicKey, clock.epochMs()).chain };
  return { kind: 'member', cluster: config.cluster, svid: () => svid };
}
