import type { ClusterId } from '../federation/model/ids.ts';
import { listStores, type Stores } from '../federation/store/several.ts';
import { COMMAND_TIMEOUT_MS, withDeadline } from '../federation/sync/deadline.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { FirstSync } from './first-sync.ts';

/** Asks the stores who has published until `FirstSync` knows enough, and bounds the wait for what cannot be read. */
export interface FirstPushComponents {
  readonly store: Stores;
  readonly clock: Clock;
  readonly log: Logger;
  readonly firstSync: FirstSync;
}

const LIST_AGAIN_MS = 500;
/** From the first list on. Above a read of 32 MiB over a slow line that still makes progress worth waiting for. */
const READ_ALL_MS = 15_000;

/** Never rejects. Resolves when the first sync is complete, or with the signal. */
export async function untilFirstSync(
  { store, clock, log, firstSync }: FirstPushComponents,
  init: { readonly signal: AbortSignal; readonly onProgress: () => void },
): Promise<void> {
  const { signal, onProgress } = init;
  const listings = listStores(store).map((): Listing => ({}));
  let giveUpAtMs = Number.POSITIVE_INFINITY;
  while (!firstSync.complete && !signal.aborted) {
    await Promise.all(
      listStores(store).map(async (listed, index) => {
        const call = { clock, timeoutMs: COMMAND_TIMEOUT_MS, what: 'heads', signal };
        const heads = await withDeadline(listed.store.heads(), call).catch((error: unknown) => {
          log.debug('a store does not list its clusters yet', { store: listed.name, error: errorText(error) });
        });
        if (heads !== undefined) listings[index] = { published: new Set(heads.keys()) };
      }),
    );
    const told = listings.flatMap(({ published }) => (published === undefined ? [] : [published]));
    if (told.length > 0) {
      giveUpAtMs = Math.min(giveUpAtMs, clock.monotonicMs() + READ_ALL_MS);
      const isOver = clock.monotonicMs() >= giveUpAtMs;
      // What one store lacks another may hold: only all of them together say who never published.
      const areAll = told.length === listings.length;
      if (areAll || isOver) firstSync.listed(areAll ? new Set(told.flatMap((set) => [...set])) : undefined);
      if (isOver) firstSync.giveUp();
      onProgress();
    }
    await clock.sleep(LIST_AGAIN_MS, signal).catch(() => undefined); // only the end of the controller aborts it
  }
  const { missed } = firstSync;
  if (missed.length > 0) log.error('gateways are programmed without clusters that cannot be read', { missed });
}

/** What one store listed last. */
interface Listing {
  readonly published?: ReadonlySet<ClusterId>;
}
