import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { compareHeadOrder, type HeadOrder } from '../model/head.ts';
import type { ListedStore } from '../store/several.ts';
import { RefusalHold } from './refusal-hold.ts';

/**
 * What one store told of one cluster. Each store is judged by what it itself has served: one that lags behind another is
 * normal while a federation moves, one that goes back behind its own word is not; and what one is refused for is not
 * held against another.
 */
export class ReplicaSource {
  readonly listed: ListedStore;
  /** For what the store itself answers. */
  readonly hold: RefusalHold;
  /**
   * For hints, which may be anyone's (on Redis every member may publish): what is made up there must not keep out what the
   * store says when it is asked.
   */
  readonly hintHold: RefusalHold;
  readonly #clock: Clock;
  /** Newest order of this store that was found good in this process. */
  #served: HeadOrder | undefined;
  /** When it came, monotonic ms. */
  #servedAtMs = Number.NEGATIVE_INFINITY;
  /** Newest order that it claims to have, as long as nothing of it was refused. */
  #offered: HeadOrder | undefined;

  constructor(components: { readonly clock: Clock; readonly random: Random }, listed: ListedStore) {
    this.listed = listed;
    this.#clock = components.clock;
    this.hold = new RefusalHold(components);
    this.hintHold = new RefusalHold(components);
  }

  /** The store says that it has this; whether that is good is still to be seen. */
  offers(order: HeadOrder): void {
    if (this.#offered === undefined || compareHeadOrder(order, this.#offered) > 0) this.#offered = order;
  }

  /** Everything is judged anew. */
  release(): void {
    this.hold.release();
    this.hintHold.release();
  }

  refused(order: HeadOrder): void {
    this.#offered = undefined;
    this.hold.refused(order);
  }

  serves(order: HeadOrder): void {
    if (this.#served !== undefined && compareHeadOrder(order, this.#served) <= 0) return;
    this.#served = order;
    this.#servedAtMs = this.#clock.monotonicMs();
  }

  /** An answer to what was asked before the newest came by another path: it may be older without anything going back. */
  hasServedSince(askedAtMs: number): boolean {
    return askedAtMs <= this.#servedAtMs;
  }

  /** This store itself has served a later version. */
  hasGoneBackTo(order: HeadOrder): boolean {
    return this.#served !== undefined && versions(order, this.#served) < 0;
  }

  /** It has served this version or a later one, or may be about to. */
  mayServe(order: HeadOrder): boolean {
    return [this.#served, this.#offered].some((known) => known !== undefined && versions(known, order) >= 0);
  }
}

/** By version, whatever the beats. */
function versions(left: HeadOrder, right: HeadOrder): number {
  return compareHeadOrder({ ...left, beat: 0 }, { ...right, beat: 0 });
}
