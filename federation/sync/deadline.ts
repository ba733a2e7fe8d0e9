import type { Clock } from '../../runtime/clock.ts';
import { StoreUnavailableError } from '../store/contract.ts';

/**
 * A store that accepts a call and never answers must cost time, never progress: whoever waits for it waits this long.
 * The call itself may still take effect later, so a write that ran into its deadline has an unknown outcome.
 */

/** One head, one beat, one small commit: what a command may take on a bad day over a WAN. */
export const COMMAND_TIMEOUT_MS = 2_000;
/** A whole cluster may be 32 MiB (`STORE_LIMITS.commitBytesMax`): what that takes at some 7 MiB/s. */
export const BULK_TIMEOUT_MS = 5_000;
/** From this size on a commit gets the time of a bulk transfer. */
const BULK_BYTES = 256 * 1024;

export function commitTimeoutMs(bytes: number): number {
  return bytes < BULK_BYTES ? COMMAND_TIMEOUT_MS : BULK_TIMEOUT_MS;
}

export interface Deadline {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Names the call in the error, e.g. `commit`. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** @throws StoreUnavailableError after `timeoutMs`; the signal's reason as soon as it fires. */
export function withDeadline<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  const { clock, timeoutMs, what, signal } = deadline;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => finish(() => reject(signal?.reason as Error));
    const timer = clock.after(timeoutMs, () => finish(() => reject(unanswered(what, timeoutMs))));
    const finish = (settle: () => void): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    work.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    );
  });
}

function unanswered(what: string, timeoutMs: number): StoreUnavailableError {
  return new StoreUnavailableError(`the store did not answer ${what} within ${timeoutMs} ms`, {
    fields: { what, timeoutMs },
    hint: 'is the store overloaded, stopped, or cut off',
  });
}
