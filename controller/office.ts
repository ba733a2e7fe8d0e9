import type { ClusterId } from '../federation/model/ids.ts';
import type { Stores } from '../federation/store/several.ts';
import { COMMAND_TIMEOUT_MS, withDeadline } from '../federation/sync/deadline.ts';
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
 * Taking the writer's office of this cluster: an epoch above every one used before, made durable before it is used. A sole
 * controller with marks on disk needs nobody for that, and only asks in case its disk is an old back-up. With the marks
 * lost, or with other replicas about, only the store knows what was used, so it is asked until it answers. Meanwhile
 * gateways are served as ever.
 */
export interface OfficeComponents {
  readonly store: Stores;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly marks: Marks;
}

export interface OfficeInit {
  readonly cluster: ClusterId;
  /** The one in force, read anew at each attempt. */
  readonly roster: () => Roster;
  /** Changes of holder that the lease counted; absent where this controller is the only one. */
  readonly transitions?: number | undefined;
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
  const isAlone = init.transitions === undefined;
  const mayGoOnAlone = isAlone && persisted > 0;
  const ownHead = await (mayGoOnAlone ? ownEpochSoon(components, init) : ownEpochInStore(components, init));
  // Read anew: what was heard of another leader meanwhile counts.
  const sources = { persisted: marks.own.epoch, ownHead, leaseTransitions: init.transitions };
  const { epoch, ignored } = nextEpoch(sources);
  if (ignored.length > 0) log.warn('an epoch was not credible and is ignored', { sources: ignored });
  await marks.takeEpoch(epoch);
  init.signal.throwIfAborted();
  log.info('took the office of the writer', { epoch });
  return epoch;
}

/**
 * A state folder that was restored from a back-up remembers an epoch below that of its own last heads, and would be fenced
 * by them. A store that does not answer in time could not be written to either.
 */
async function ownEpochSoon(components: OfficeComponents, init: OfficeInit): Promise<number | undefined> {
  const { clock, log, store } = components;
  const { cluster, signal } = init;
  try {
    const asked = ownOrderInStore({ store, clock, verifyHead }, { cluster, roster: init.roster(), signal });
    return (await withDeadline(asked, { clock, timeoutMs: COMMAND_TIMEOUT_MS, what: 'read', signal }))?.epoch;
  } catch (error) {
    signal.throwIfAborted();
    log.debug('the own head in the store could not be looked at', { error: errorText(error) });
    return undefined;
  }
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
        log.warn('which epochs were used only the store knows, and it does not answer: nothing is published yet', {
          error: text,
        });
      }
      await clock.sleep(backoff.nextMs(), signal);
    }
  }
}
