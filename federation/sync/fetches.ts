import type { Clock, Timer } from '../../runtime/clock.ts';
import { KeyedQueue } from '../../runtime/keyed-queue.ts';
import type { ClusterId } from '../model/ids.ts';
import type { StoredHead } from '../store/contract.ts';

/**
 * Which cluster is read from which store, and when. Each store has a queue of its own, so that one that hangs holds up
 * nothing that another can tell. What two stores offer is read from the first of them; from the other only when that
 * takes too long or did not bring it.
 */
export interface FetchesComponents {
  readonly clock: Clock;
}

/** Whether a read led to something new. */
export type Brought = 'news' | 'nothing';

export interface FetchesInit {
  /** Length of the list of stores. */
  readonly stores: number;
  /** Whether a head that was offered some time ago is still news. */
  readonly isNews: (cluster: ClusterId, stored: StoredHead, from: number) => boolean;
  readonly fetch: (cluster: ClusterId, from: number) => Promise<Brought>;
  readonly onError: (cluster: string, error: unknown, from: number) => void;
}

/** Reads under way at once in a store: enough to hide round trips, few enough for a cold start of a hundred clusters. */
const FETCHES_MAX = 8;
/** Above the members that a roster may have. */
const KEYS_MAX = 2_048;
/** A read that takes longer than this is begun in another store too: above a slow round trip, below what a user notices. */
const SECOND_READ_AFTER_MS = 300;

/**
 * After a read that brought nothing the next one of the cluster in this store waits as long: whoever may give hints can
 * claim anything, and must not make every reader read without end. What was asked for meanwhile is read then.
 */
const REST_MS = 250;

interface Rest {
  isAsked: boolean;
  readonly timer: Timer;
}

interface Deferred {
  /** The newest that was offered meanwhile. */
  stored: StoredHead | undefined;
  /** It has waited long enough. */
  isDue: boolean;
  readonly timer: Timer;
}

export class Fetches {
  readonly #components: FetchesComponents;
  readonly #init: FetchesInit;
  readonly #queues: readonly KeyedQueue[];
  /** Per store: what was offered and is not being read yet; `undefined` for a hint without a head. */
  readonly #offers: readonly Map<string, StoredHead | undefined>[];
  /** Per store: what waits for the same cluster's read in another store. */
  readonly #deferred: readonly Map<string, Deferred>[];
  /** Per store: what was read for nothing a moment ago. */
  readonly #resting: readonly Map<string, Rest>[];
  /** How many reads of a cluster are under way. */
  readonly #reading = new Map<string, number>();
  #isClosed = false;

  constructor(components: FetchesComponents, init: FetchesInit) {
    this.#components = components;
    this.#init = init;
    const places = Array.from({ length: init.stores }, (_, from) => from);
    this.#offers = places.map(() => new Map());
    this.#deferred = places.map(() => new Map());
    this.#resting = places.map(() => new Map());
    this.#queues = places.map((from) => this.#queue(from));
  }

  /** There is news of the cluster in the store at this place; `stored`: the head that says so. */
  mark(cluster: ClusterId, from: number, stored?: StoredHead): void {
    this.#offers[from]?.set(cluster, stored);
    this.#queues[from]?.mark(cluster);
  }

  async close(): Promise<void> {
    for (const queue of this.#queues) queue.clear();
    this.#isClosed = true;
    for (const waiting of [...this.#deferred, ...this.#resting]) {
      for (const { timer } of waiting.values()) timer.cancel();
      waiting.clear();
    }
    await Promise.all(this.#queues.map((queue) => queue.idle()));
  }

  #queue(from: number): KeyedQueue {
    return new KeyedQueue((key) => this.#run(key, from), {
      concurrency: FETCHES_MAX,
      maxKeys: KEYS_MAX,
      onError: (key, error) => this.#init.onError(key, error, from),
    });
  }

  async #run(key: string, from: number): Promise<void> {
    // The keys of these queues are the cluster names that `mark` was given.
    const cluster = key as ClusterId;
    const rest = this.#resting[from]?.get(key);
    if (rest !== undefined) {
      rest.isAsked = true;
      return;
    }
    const offers = this.#offers[from];
    const stored = offers?.get(key);
    offers?.delete(key);
    if (stored !== undefined && !this.#init.isNews(cluster, stored, from)) return;
    const reading = this.#reading.get(key) ?? 0;
    if (reading > 0 && this.#defers(cluster, from, stored)) return;
    this.#reading.set(key, reading + 1);
    let brought: Brought = 'nothing';
    try {
      brought = await this.#init.fetch(cluster, from);
    } finally {
      if (brought === 'nothing') this.#rest(cluster, from);
      this.#readingEnded(cluster);
    }
  }

  #rest(cluster: ClusterId, from: number): void {
    const resting = this.#resting[from];
    if (resting === undefined || this.#isClosed) return;
    const timer = this.#components.clock.after(REST_MS, () => {
      const isAsked = resting.get(cluster)?.isAsked === true;
      resting.delete(cluster);
      if (isAsked) this.#queues[from]?.mark(cluster);
    });
    resting.set(cluster, { isAsked: false, timer });
  }

  /** @returns false when it has waited for the other store long enough */
  #defers(cluster: ClusterId, from: number, stored: StoredHead | undefined): boolean {
    const deferred = this.#deferred[from];
    const waiting = deferred?.get(cluster);
    if (waiting?.isDue === true) {
      deferred?.delete(cluster);
      return false;
    }
    if (waiting === undefined) {
      const timer = this.#components.clock.after(SECOND_READ_AFTER_MS, () => this.#waitedLongEnough(cluster, from));
      deferred?.set(cluster, { stored, isDue: false, timer });
    } else {
      waiting.stored = stored;
    }
    return true;
  }

  #waitedLongEnough(cluster: ClusterId, from: number): void {
    const waiting = this.#deferred[from]?.get(cluster);
    if (waiting === undefined) return;
    waiting.isDue = true;
    this.mark(cluster, from, waiting.stored);
  }

  #readingEnded(cluster: ClusterId): void {
    const left = (this.#reading.get(cluster) ?? 1) - 1;
    if (left > 0) this.#reading.set(cluster, left);
    else this.#reading.delete(cluster);
    for (const [from, waiting] of this.#deferred.entries()) {
      const deferred = waiting.get(cluster);
      if (deferred === undefined) continue;
      deferred.timer.cancel();
      waiting.delete(cluster);
      this.mark(cluster, from, deferred.stored);
    }
  }
}
