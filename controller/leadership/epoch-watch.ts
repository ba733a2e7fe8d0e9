import type { ClusterId } from '../../federation/model/ids.ts';
import type { HeadOrder } from '../../federation/model/head.ts';
import type { Store } from '../../federation/store/contract.ts';
import { COMMAND_TIMEOUT_MS, withDeadline } from '../../federation/sync/deadline.ts';
import type { Marks } from '../../federation/sync/marks.ts';
import { ownOrderInStore } from '../../federation/sync/own-order.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Roster } from '../../trust/contract.ts';
import { verifyHead } from '../../trust/head-signature.ts';

/**
 * Remembers which epoch the leader writes with, for the day on which this replica follows it in office. The store may be
 * restored from a back-up or emptied just then; without this memory the new leader would begin below what the other
 * clusters have accepted, and they would refuse it.
 */
export interface EpochWatchComponents {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly marks: Pick<Marks, 'own' | 'takeEpoch'>;
}

export interface EpochWatchInit {
  readonly cluster: ClusterId;
  readonly roster: () => Roster;
}

/** Each look is one small call, unless a new writer is there. */
const LOOK_EVERY_MS = 5_000;

export class EpochWatch {
  readonly #components: EpochWatchComponents;
  readonly #init: EpochWatchInit;
  #seen: HeadOrder | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  constructor(components: EpochWatchComponents, init: EpochWatchInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Called often; looks when it is time, one look at once. Never rejects. */
  async look(): Promise<void> {
    const nowMs = this.#components.clock.monotonicMs();
    if (nowMs - this.#lookedAtMs < LOOK_EVERY_MS) return;
    this.#lookedAtMs = nowMs;
    this.#looking ??= this.#look()
      .catch((error: unknown) => {
        this.#components.log.debug('the epoch of the leader is not known', { error: errorText(error) });
      })
      .finally(() => {
        this.#looking = undefined;
      });
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { store, clock, marks } = this.#components;
    const { cluster, roster } = this.#init;
    if (!(await this.#isNews())) return;
    const order = await ownOrderInStore({ store, clock, verifyHead }, { cluster, roster: roster() });
    this.#seen = order;
    if (order !== undefined && order.epoch > marks.own.epoch) await marks.takeEpoch(order.epoch);
  }

  /** What is claimed costs a small call; that it is signed costs reading everything, so only a new writer is looked at. */
  async #isNews(): Promise<boolean> {
    const seen = this.#seen;
    if (seen === undefined) return true;
    const { store, clock } = this.#components;
    const asked = store.changes(this.#init.cluster, seen);
    const changes = await withDeadline(asked, { clock, timeoutMs: COMMAND_TIMEOUT_MS, what: 'changes' });
    if (changes.kind === 'gone' || changes.order.epoch !== seen.epoch) return true;
    this.#seen = changes.order;
    return false;
  }
}
