import type { ClusterId } from '../federation/model/ids.ts';
import { StoreUnavailableError } from '../federation/store/contract.ts';
import { parseStoreAddress } from '../federation/store/remote/address.ts';
import { RemoteStore } from '../federation/store/remote/client.ts';
import { bareStoreUrl } from '../federation/store/several.ts';
import type { StoreComponents } from '../federation/store/components.ts';
import type { FollowedRoster } from '../federation/sync/roster-follower.ts';
import { Backoff } from '../runtime/backoff.ts';
import { errorText } from '../runtime/errors.ts';

/**
 * A store server lets nobody in before it was claimed for a clusterset. `isthmus init` does that for the first one; for one
 * that a running clusterset moves to, the authority's controller does, when the link in its list carries the claim.
 */
export interface ClaimStoresInit {
  readonly urls: readonly string[];
  /** The authority. */
  readonly cluster: ClusterId;
  /** DER. */
  readonly root: Uint8Array;
  /** The one in force; absent while there is none. */
  readonly roster: () => FollowedRoster | undefined;
  readonly signal: AbortSignal;
}

const TRY_AGAIN = { initialMs: 500, maxMs: 10_000 };

/** Never rejects. Resolves when every server was claimed or has refused, or with the signal. */
export async function claimStores(components: StoreComponents, init: ClaimStoresInit): Promise<void> {
  const links = init.urls.filter((url) => url.startsWith('isthmus:') && parseStoreAddress(url).claim !== undefined);
  await Promise.all(links.map((link) => claimUntilAnswered(link, components, init)));
}

async function claimUntilAnswered(link: string, components: StoreComponents, init: ClaimStoresInit): Promise<void> {
  const { clock, log } = components;
  const { signal } = init;
  const store = bareStoreUrl(link);
  const backoff = new Backoff(components, TRY_AGAIN);
  while (!signal.aborted) {
    try {
      if (await claim(link, components, init)) {
        log.info('a store server was claimed for this clusterset', { store });
        return;
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) {
        const hint = 'once it was claimed, take the claim out of the link';
        log.warn('a store server refuses to be claimed', { store, error: errorText(error), hint });
        return;
      }
      if (backoff.failures === 0) log.warn('a store server cannot be claimed yet', { store, error: errorText(error) });
    }
    await clock.sleep(backoff.nextMs(), signal).catch(() => undefined); // only the end of the controller aborts it
  }
}

/** The same claim again is fine. @returns false while there is no roster to claim it with */
async function claim(link: string, components: StoreComponents, init: ClaimStoresInit): Promise<boolean> {
  const { cluster, root } = init;
  const roster = init.roster();
  if (roster === undefined) return false;
  const address = parseStoreAddress(link);
  await using store = new RemoteStore(components, { address, identity: { kind: 'claimant' } });
  await store.claim({ cluster, root, roster: { version: roster.roster.version, bytes: roster.bytes } });
  return true;
}
