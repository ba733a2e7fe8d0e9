import { Backoff } from '../../runtime/backoff.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import type { HeadOrder } from '../model/head.ts';
import { FencedError, type StoredCluster } from '../store/contract.ts';
import type { ListedStore } from '../store/several.ts';
import { CopyPace, type DueLook } from './copy-pace.ts';
import { OwnWriter, type OwnWriterInit } from './own-writer.ts';
import type { OwnVersion } from './own-versions.ts';

/**
 * Brings one store to the newest version of ours, at its own pace: what hangs, fails or must be repaired here delays no
 * other store. It pulls: nothing is made for a store that cannot take it.
 */
export interface StorePumpComponents {
  readonly listed: ListedStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly source: HeadSource;
  readonly isProven: (stored: StoredCluster) => boolean;
}

/** Where versions and beats come from (`Publisher`). */
export interface HeadSource {
  /** Made so far; absent before the first. */
  newest(): OwnVersion | undefined;
  /** When there will be something newer to pull, monotonic ms. */
  dueMs(): number;
  /** The newest, made now if something is due, or if only a version above `floor` can replace what a store holds. */
  pull(floor: number): Promise<OwnVersion | undefined>;
}

export interface StorePumpInit extends OwnWriterInit {
  /** The store has confirmed this version. */
  readonly onPublished: (order: HeadOrder) => void;
  /** Another writer has provably taken over. */
  readonly onFenced: (stored: HeadOrder) => void;
}

export interface PumpStatus {
  readonly store: string;
  /** The newest head of ours that the store has confirmed. */
  readonly order: HeadOrder | undefined;
  /** Of the last attempt, until one succeeds. */
  readonly lastError: string | undefined;
}

/** Below the 10 s within which everything must have healed, above what would hammer a struggling store. */
const RETRY_LIMITS = { initialMs: 200, maxMs: 3_000 };

export class StorePump {
  readonly #components: StorePumpComponents;
  readonly #init: StorePumpInit;
  readonly #writer: OwnWriter;
  readonly #pace: CopyPace;
  readonly #retry: Backoff;
  readonly #stop = new AbortController();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #lastError: string | undefined;

  constructor(components: StorePumpComponents, init: StorePumpInit) {
    this.#components = components;
    this.#init = init;
    this.#pace = new CopyPace(components);
    this.#retry = new Backoff(components, RETRY_LIMITS);
    const { source } = components;
    this.#writer = new OwnWriter({ ...components, made: () => source.newest(), signal: this.#stop.signal }, init);
  }

  get status(): PumpStatus {
    return { store: this.#components.listed.name, order: this.#writer.order, lastError: this.#lastError };
  }

  /** The store may no longer hold what was written to it. */
  checkSoon(): void {
    this.#writer.doubt();
    this.#pace.checkWanted();
    this.schedule();
  }

  /** Something may be due: now, or from its time on. */
  schedule(): void {
    if (this.#stop.signal.aborted || this.#running !== undefined) return;
    this.#timer?.cancel();
    const delayMs = this.#dueMs() - this.#components.clock.monotonicMs();
    if (delayMs === Number.POSITIVE_INFINITY) return;
    if (delayMs > 0) this.#timer = this.#components.clock.after(delayMs, () => this.#start());
    else this.#start();
  }

  /** Stops writing, whatever is under way. */
  async close(): Promise<void> {
    this.#stop.abort(new PumpClosedError());
    this.#timer?.cancel();
    await this.#running;
  }

  #dueMs(): number {
    const { source, clock } = this.#components;
    const newest = source.newest();
    const isBehind = !this.#writer.knowsStore || (newest !== undefined && this.#writer.lacks(newest) !== 'nothing');
    const dueMs = isBehind ? clock.monotonicMs() : Math.min(source.dueMs(), this.#pace.dueMs());
    return Math.max(dueMs, this.#pace.notBeforeMs);
  }

  #start(): void {
    this.#timer?.cancel();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.schedule();
    });
  }

  /** Never rejects. The first await lets the caller of `publish` finish its turn, and take back what it said. */
  async #run(): Promise<void> {
    await Promise.resolve();
    try {
      await this.#step();
      this.#retry.reset();
      this.#lastError = undefined;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (error instanceof FencedError) this.#init.onFenced(error.stored);
      else this.#failed(error);
    }
  }

  async #step(): Promise<void> {
    // A regressed store is found before anything is written on top of it.
    await this.#look(this.#pace.take());
    const newest = await this.#components.source.pull(this.#writer.floor);
    if (newest === undefined || this.#stop.signal.aborted) return;
    try {
      if (this.#writer.lacks(newest) === 'beat') await this.#beat(newest);
      if (this.#writer.lacks(newest) === 'version') await this.#commit(newest);
    } catch (error) {
      // Only the head itself can prove what the store says of it.
      if (error instanceof FencedError) await this.#writer.learn();
      throw error instanceof FencedError ? new RefusedAsFencedError(error) : error;
    }
  }

  async #look(due: DueLook): Promise<void> {
    if (due.audit || !this.#writer.knowsStore) await this.#writer.learn();
    else if (due.check) await this.#writer.check();
    if (due.audit && !this.#writer.needsRepair) this.#pace.foundIntact();
  }

  async #beat(newest: OwnVersion): Promise<void> {
    this.#pace.looked();
    await this.#writer.check();
    if (this.#writer.lacks(newest) === 'beat') await this.#writer.beat(newest);
  }

  async #commit(newest: OwnVersion): Promise<void> {
    // What a look just found may ask for a version of its own.
    if (newest.order.version <= this.#writer.floor) return;
    const repairing = this.#writer.needsRepair;
    await this.#writer.commit(newest);
    if (repairing) this.#pace.repaired();
    else this.#pace.checkWanted();
    this.#init.onPublished(newest.order);
  }

  #failed(error: unknown): void {
    const text = errorText(error);
    const waitMs = this.#retry.nextMs();
    this.#writer.doubt();
    this.#pace.failed(waitMs);
    const { log, metrics, listed } = this.#components;
    // The same outage would fill the log with one line a retry.
    if (text !== this.#lastError) {
      log.warn('could not publish, will retry', { store: listed.name, error: text, waitMs: Math.round(waitMs) });
    }
    this.#lastError = text;
    const reason = error instanceof IsthmusError ? error.code : 'unexpected';
    metrics
      .counter('isthmus_publish_failures_total', 'Attempts to write to a store that failed', ['reason'])
      .add({ reason });
  }
}

class PumpClosedError extends IsthmusError {
  constructor() {
    super('publisher-closed', 'the publisher was closed');
  }
}

/** The store refused a write as fenced and, read right after, holds nothing that would fence us. */
class RefusedAsFencedError extends IsthmusError {
  constructor(cause: FencedError) {
    super('unproven-fence', 'the store refused a write as fenced and holds no head that would', {
      cause,
      fields: { stored: cause.stored },
    });
  }
}
