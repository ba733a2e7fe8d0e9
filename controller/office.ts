import type { ClusterId } from '../federation/model/ids.ts';
import type { Store } from '../federation/store/contract.ts';
import { nextEpoch } from '../federation/sync/epoch.ts';
import type { Marks } from '../federation/sync/marks.ts';
import { ownOrderInStore } from '../federation/sync/own-order.ts';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import type { Roster } from '../trust/contract.ts';
import { verifyHead } from '../trust/head-signature.ts';

/**
 * Taking the writer's office of this cluster: an epoch above every one used before, made durable before it is used. With
 * marks on disk that needs nobody; with the marks lost only the store knows what was used, so it is asked until it
 * answers. Meanwhile gateways are served as ever.
 */
export interface OfficeComponents {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly marks: Marks;
}

export interface OfficeInit {
  readonly cluster: ClusterId;
  /** The one in force, read anew at each attempt. */
  readonly roster: () => Roster;
  readonly signal: AbortSignal;
}

const ASK_AGAIN = { initialMs: 200, maxMs: 2_000 };

/**
 * @returns the epoch to write with
 * @throws MarksNotDurableError when it cannot be made durable; the signal's reason when aborted
 */
export async function takeOffice(components: OfficeComponents, init: OfficeInit): Promise<number> {
  const { marks, log } = components;
  const persisted = marks.own.epoch;
  const ownHead = persisted > 0 ? undefined : await ownEpochInStore(components, init);
  const { epoch, ignored } = nextEpoch({ persisted, ownHead });
  if (ignored.length > 0) log.warn('an epoch was not credible and is ignored', { sources: ignored });
  await marks.takeEpoch(epoch);
  init.signal.throwIfAborted();
  log.info('took the office of the writer', { epoch });
  return epoch;
}

/** Only what this cluster signed counts: a store that could name any number could use up all of them. */
async function ownEpochInStore(components: OfficeComponents, init: OfficeInit): Promise<number> {
  const { clock, log, store } = components;
  const { cluster, signal } = init;
  const backoff = new Backoff(components, ASK_AGAIN);
  for (;;) {
    try {
      const own = { cluster, roster: init.roster(), signal };
      return (await ownOrderInStore({ store, clock, verifyHead }, own))?.epoch ?? 0;
    } catch (error) {
      signal.throwIfAborted();
      const text = errorText(error);
      if (backoff.failures === 0) {
        log.warn('own marks are lost and the store does not answer, nothing is published yet', { error: text });
      }
      await clock.sleep(backoff.nextMs(), signal);
    }
  }
}
