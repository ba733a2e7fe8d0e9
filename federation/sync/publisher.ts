import { Backoff } from '../../runtime/backoff.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import type { PrivateKey } from '../../trust/private-key.ts';
import { encodeRecord, recordKeyOf } from '../model/encode.ts';
import type { HeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { ChainRecord, RecordSet } from '../model/records.ts';
import { sha256Hex } from '../model/sha256.ts';
import { FencedError, type Store } from '../store/contract.ts';
import { OwnWriter } from './own-writer.ts';
import { type DueWork, PublishPace, type Urgency } from './publish-pace.ts';

/**
 * Publishes what this cluster wants the others to see. It remembers the newest desired state and nothing in between (a
 * state, not a log), so an outage of any length costs one commit when it ends. Callers never wait: they hand over a
 * state and go on. Stopping is not removing: `close` leaves what is published where it is.
 */
export interface PublisherComponents {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Makes a version number durable before it is used (`Marks`). */
  readonly marks: VersionReserve;
}

export interface VersionReserve {
  reserveVersion(version: number): Promise<void>;
}

export interface PublisherInit {
  readonly cluster: ClusterId;
  readonly incarnation: number;
  readonly writerId: string;
  /** Taken from `nextEpoch` and made durable before this publisher is made. */
  readonly epoch: number;
  readonly key: PrivateKey;
  readonly chain: ChainRecord;
  /** The first version used is above this and above whatever the store holds of this incarnation. */
  readonly initialVersion: number;
  /** Called once when a writer with a higher fencing number has taken over; nothing is written after that. */
  readonly onFenced: (stored: HeadOrder) => void;
  /** Called after each commit that the store confirmed. */
  readonly onPublished?: ((order: HeadOrder) => void) | undefined;
}

export interface BeatInfo {
  /** Newest roster version this cluster has seen. */
  readonly rosterSeen: number;
  /** Acknowledgements of open barriers. */
  readonly acks: Readonly<Record<string, string>>;
}

export interface PublisherStatus {
  /** Of the last confirmed commit or beat. */
  readonly order: HeadOrder | undefined;
  /** True while something newer than what is published waits. */
  readonly pending: boolean;
  readonly fenced: boolean;
  readonly lastError: string | undefined;
}

/** Below the 10 s within which everything must have healed, above what would hammer a struggling store. */
const RETRY_LIMITS = { initialMs: 200, maxMs: 3_000 };

export class Publisher {
  readonly #components: PublisherComponents;
  readonly #init: PublisherInit;
  readonly #writer: OwnWriter;
  readonly #pace: PublishPace;
  readonly #retry: Backoff;
  readonly #stop = new AbortController();
  #key: PrivateKey;
  #chain: SignerChain;
  #records: RecordSet | undefined;
  #beatInfo: BeatInfo = { rosterSeen: 0, acks: {} };
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #fenced = false;
  #lastError: string | undefined;

  constructor(components: PublisherComponents, init: PublisherInit) {
    this.#components = components;
    this.#init = init;
    this.#key = init.key;
    this.#chain = signerChain(init.chain);
    this.#retry = new Backoff(components, RETRY_LIMITS);
    this.#pace = new PublishPace(components);
    this.#writer = new OwnWriter({ ...components, signal: this.#stop.signal }, init);
  }

  /**
   * Hands over the newest desired state; any earlier one that has not gone out is forgotten. `availability`: something
   * became available or unavailable somewhere, goes out at once. `weight`: at most once a second.
   */
  publish(records: RecordSet, urgency: Urgency): void {
    this.#records = records;
    this.#pace.wanted(urgency);
    this.#schedule();
  }

  /** What the following heads carry besides the records. Rides on the next beat, which comes early when it changed. */
  withBeatInfo(info: BeatInfo): void {
    const unchanged =
      info.rosterSeen === this.#beatInfo.rosterSeen &&
      JSON.stringify(info.acks) === JSON.stringify(this.#beatInfo.acks);
    if (unchanged) return;
    this.#beatInfo = info;
    this.#pace.beatInfoChanged();
    this.#schedule();
  }

  /** The signing key was renewed: the new chain goes out in the same commit as the first head that needs it. */
  renewKey(key: PrivateKey, chain: ChainRecord): void {
    this.#key = key;
    this.#chain = signerChain(chain);
    this.#pace.wanted('availability');
    this.#schedule();
  }

  /** A hint that the store may no longer hold what was written (a hint under our own name, a gap, a reconnect). */
  checkSoon(): void {
    this.#pace.checkWanted();
    this.#schedule();
  }

  get status(): PublisherStatus {
    return {
      order: this.#writer.order,
      pending: this.#pace.changePending,
      fenced: this.#fenced,
      lastError: this.#lastError,
    };
  }

  /** Stops writing. What is published stays published. */
  async close(): Promise<void> {
    this.#stop.abort(new PublisherClosedError());
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(): void {
    if (this.#stop.signal.aborted || this.#fenced || this.#running !== undefined || this.#records === undefined) return;
    this.#timer?.cancel();
    const delayMs = this.#pace.dueMs() - this.#components.clock.monotonicMs();
    if (delayMs > 0) {
      this.#timer = this.#components.clock.after(delayMs, () => this.#start());
    } else {
      this.#start();
    }
  }

  #start(): void {
    this.#timer?.cancel();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#schedule();
    });
  }

  /** One step; never rejects. The first await lets the caller of `publish` finish its turn, and take back what it said. */
  async #run(): Promise<void> {
    await Promise.resolve();
    try {
      await this.#step();
      this.#retry.reset();
      this.#lastError = undefined;
    } catch (error) {
      if (error instanceof PublisherClosedError) return;
      if (error instanceof FencedError) this.#fence(error.stored);
      else this.#failed(error);
    }
  }

  async #step(): Promise<void> {
    const due = this.#pace.take();
    await this.#look(due);
    const repairing = this.#writer.needsRepair;
    if (due.change || repairing) await this.#commit(repairing);
    else if (due.beat) await this.#beat();
    this.#pace.settled();
  }

  /** A regressed store is found before anything is written on top of it. */
  async #look(due: DueWork): Promise<void> {
    if (due.audit || !this.#writer.knowsStore) await this.#writer.learn();
    else if (due.check || due.beat) await this.#writer.check();
    if (due.audit && !this.#writer.needsRepair) this.#pace.foundIntact();
  }

  async #commit(repairing: boolean): Promise<void> {
    const committed = await this.#writer.commit(this.#desired(), this.#headParts());
    if (committed === undefined) return;
    this.#pace.committed();
    if (repairing) this.#pace.repaired();
    else this.#pace.checkWanted();
    this.#init.onPublished?.(committed);
  }

  async #beat(): Promise<void> {
    await this.#writer.beat(this.#headParts());
    this.#pace.beaten();
  }

  #headParts(): BeatInfo & { readonly key: PrivateKey; readonly signerChain: string } {
    return { ...this.#beatInfo, key: this.#key, signerChain: this.#chain.hash };
  }

  /** The state to publish, with the chain that vouches for the key that signs it, and no other. */
  #desired(): RecordSet {
    const records = new Map(this.#records);
    for (const key of records.keys()) if (key.startsWith('chain/')) records.delete(key);
    records.set(this.#chain.recordKey, this.#chain.bytes);
    return records;
  }

  #fence(stored: HeadOrder): void {
    this.#fenced = true;
    this.#components.log.warn('another writer of this cluster has taken over, this one stops writing', { stored });
    this.#init.onFenced(stored);
  }

  #failed(error: unknown): void {
    const text = errorText(error);
    const waitMs = this.#retry.nextMs();
    this.#pace.failed(waitMs);
    // The same outage would fill the log with one line a retry.
    if (text !== this.#lastError) this.#components.log.warn('could not publish, will retry', { error: text, waitMs });
    this.#lastError = text;
    const code = error instanceof IsthmusError ? error.code : 'unexpected';
    this.#components.metrics
      .counter('isthmus_publish_failures_total', 'Attempts to write to the store that failed', ['reason'])
      .add({ reason: code });
  }
}

class PublisherClosedError extends IsthmusError {
  constructor() {
    super('publisher-closed', 'the publisher was closed');
  }
}

interface SignerChain {
  readonly recordKey: string;
  readonly bytes: Uint8Array;
  readonly hash: string;
}

function signerChain(chain: ChainRecord): SignerChain {
  const bytes = encodeRecord(chain);
  return { recordKey: recordKeyOf(chain), bytes, hash: sha256Hex(bytes) };
}
