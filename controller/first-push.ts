import type { ClusterId } from '../federation/model/ids.ts';
import type { Store } from '../federation/store/contract.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { FirstSync } from './first-sync.ts';

/** Asks the store who has published until `FirstSync` knows enough, and bounds the wait for what cannot be read. */
export interface FirstPushComponents {
  readonly store: Store;
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
  let giveUpAtMs = Number.POSITIVE_INFINITY;
  while (!firstSync.complete && !signal.aborted) {
    try {
      const published: ReadonlySet<ClusterId> = new Set((await store.heads()).keys());
      giveUpAtMs = Math.min(giveUpAtMs, clock.monotonicMs() + READ_ALL_MS);
      firstSync.listed(published);
      if (clock.monotonicMs() >= giveUpAtMs) firstSync.giveUp();
      onProgress();
    } catch (error) {
      log.debug('the store does not list its clusters yet', { error: errorText(error) });
    }
    await clock.sleep(LIST_AGAIN_MS, signal).catch(() => undefined); // only the end of the controller aborts it
  }
  const { missed } = firstSync;
  if (missed.length > 0) log.error('gateways are programmed without clusters that cannot be read', { missed });
}
