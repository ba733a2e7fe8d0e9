import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { Hint, Store } from '../store/contract.ts';

/** Reads hints for as long as the signal allows, over every way in which their source can end. */
export interface HintReaderComponents {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const RETRY_LIMITS = { initialMs: 200, maxMs: 5_000 };

/** Calls `onHint` for each hint, and with a gap whenever some may have been lost. Resolves when the signal fires. */
export async function readHints(
  components: HintReaderComponents,
  signal: AbortSignal,
  onHint: (hint: Hint) => void,
): Promise<void> {
  const { store, clock, random, log } = components;
  const retry = new Backoff({ random }, RETRY_LIMITS);
  while (!signal.aborted) {
    try {
      for await (const hint of store.watch(signal)) {
        retry.reset();
        if (!signal.aborted) onHint(hint);
      }
    } catch (error) {
      if (!signal.aborted) log.warn('hints were interrupted, polling goes on', { error: errorText(error) });
    }
    if (await wasAborted(clock.sleep(retry.nextMs(), signal))) return;
    onHint({ kind: 'gap' });
  }
}

/** A sleep rejects for one reason only: its signal. */
async function wasAborted(sleep: Promise<void>): Promise<boolean> {
  return await sleep.then(
    () => false,
    () => true,
  );
}
