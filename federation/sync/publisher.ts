import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import type { Roster } from '../../trust/contract.ts';
import type { PrivateKey } from '../../trust/private-key.ts';
import { encodeRecord, recordKeyOf } from '../model/encode.ts';
import { compareHeadOrder, type HeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { ChainRecord, RecordSet } from '../model/records.ts';
import { sha256Hex } from '../model/sha256.ts';
import type { StoredCluster } from '../store/contract.ts';
import { type ListedStore, listStores, type Stores } from '../store/several.ts';
import { isProvenOwn } from './own-proof.ts';
import { type HeadParts, OwnVersions, type OwnVersion } from './own-versions.ts';
import { PublishPace, type Urgency } from './publish-pace.ts';
import { type HeadSource, type PumpStatus, StorePump } from './store-pump.ts';

/**
 * Publishes what this cluster wants the others to see. It remembers the newest desired state and nothing in between (a
 * state, not a log), so an outage of any length costs one commit when it ends. Callers never wait: they hand over a
 * state and go on. Stopping is not removing: `close` leaves what is published where it is.
 *
 * Versions and heads are made here, once for all stores; each store has a pump that pulls them at its own pace.
 */
export interface PublisherComponents {
  readonly store: Stores;
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
  /** The first version used is above this and above whatever the first store to answer holds of this incarnation. */
  readonly initialVersion: number;
  /** Called once when a writer with a higher fencing number has taken over; nothing is written after that. */
  readonly onFenced: (stored: HeadOrder) => void;
  /** Called for each version that a store confirmed, once: by the quickest. */
  readonly onPublished?: ((order: HeadOrder) => void) | undefined;
  /** Says under which CA certificates another writer of this cluster may sign. Default: our own signer's CA alone. */
  readonly roster?: (() => Roster | undefined) | undefined;
}

export interface BeatInfo {
  /** Newest roster version this cluster has seen. */
  readonly rosterSeen: number;
  /** Acknowledgements of open barriers. */
  readonly acks: Readonly<Record<string, string>>;
}

export interface PublisherStatus {
  /** Of the last commit or beat that any store confirmed. */
  readonly order: HeadOrder | undefined;
  /** True while something newer than what is published anywhere waits. */
  readonly pending: boolean;
  readonly fenced: boolean;
  /** Of the first store in the list that could not be written to. */
  readonly lastError: string | undefined;
  readonly stores: readonly StorePublishStatus[];
}

export interface StorePublishStatus extends PumpStatus {
  /** True while this store lacks the newest version. */
  readonly pending: boolean;
}

export class Publisher {
  readonly #init: PublisherInit;
  readonly #log: Logger;
  readonly #versions: OwnVersions;
  readonly #pace: PublishPace;
  readonly #pumps: readonly StorePump[];
  #key: PrivateKey;
  #chain: SignerChain;
  #records: RecordSet | undefined;
  #beatInfo: BeatInfo = { rosterSeen: 0, acks: {} };
  /** One at a time: the stores pull at once. */
  #making: Promise<unknown> = Promise.resolve();
  #published: HeadOrder | undefined;
  #fenced = false;
  #closed = false;

  constructor(components: PublisherComponents, init: PublisherInit) {
    this.#init = init;
    this.#log = components.log;
    this.#key = init.key;
    this.#chain = signerChain(init.chain);
    this.#pace = new PublishPace(components);
    this.#versions = new OwnVersions(components, init);
    this.#pumps = listStores(components.store).map((listed) => this.#pump(components, listed));
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

  /** A hint that a store may no longer hold what was written (a hint under our own name, a gap, a reconnect). */
  checkSoon(): void {
    if (this.#records === undefined || this.#isOver()) return;
    for (const pump of this.#pumps) pump.checkSoon();
  }

  get status(): PublisherStatus {
    const newest = this.#versions.newest?.order;
    const isAbove = (order: HeadOrder | undefined): boolean =>
      newest !== undefined && (order === undefined || order.version < newest.version);
    const pumps = this.#pumps.map((pump) => pump.status);
    const changes = this.#pace.changePending;
    return {
      order: highest(pumps.map(({ order }) => order)),
      pending: changes || pumps.every(({ order }) => isAbove(order)),
      fenced: this.#fenced,
      lastError: pumps.find(({ lastError }) => lastError !== undefined)?.lastError,
      stores: pumps.map((pump) => ({ ...pump, pending: changes || isAbove(pump.order) })),
    };
  }

  /** Stops writing. What is published stays published. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#pumps.map((pump) => pump.close()));
  }

  #pump(components: PublisherComponents, listed: ListedStore): StorePump {
    const source: HeadSource = {
      newest: () => this.#versions.newest,
      dueMs: () => this.#pace.dueMs(),
      pull: (floor) => this.#pull(floor),
    };
    const { roster, cluster } = this.#init;
    const isProven = (stored: StoredCluster): boolean =>
      isProvenOwn(stored, { cluster, roster: roster?.(), chain: this.#chain.record });
    return new StorePump(
      { ...components, listed, source, isProven },
      {
        ...this.#init,
        onPublished: (order) => this.#publishedBy(order),
        onFenced: (stored) => this.#fence(stored),
      },
    );
  }

  #schedule(): void {
    if (this.#records === undefined || this.#isOver()) return;
    for (const pump of this.#pumps) pump.schedule();
  }

  #isOver(): boolean {
    return this.#closed || this.#fenced;
  }

  async #pull(floor: number): Promise<OwnVersion | undefined> {
    const before = this.#making;
    const made = Promise.withResolvers<void>();
    this.#making = made.promise;
    await before;
    try {
      const newest = this.#versions.newest;
      await this.#make(floor);
      if (newest !== this.#versions.newest) this.#schedule();
      return this.#versions.newest;
    } finally {
      made.resolve();
    }
  }

  async #make(floor: number): Promise<void> {
    if (this.#isOver()) return;
    const { newest } = this.#versions;
    const due = this.#pace.due();
    if (due.change) this.#pace.changeTaken();
    if (due.change || newest === undefined || newest.order.version <= floor) {
      const next = await this.#versions.next(this.#desired(), this.#headParts(), floor);
      if (next !== newest) return this.#pace.versionMade();
    }
    if (!due.beat) return;
    this.#versions.beat(this.#headParts());
    this.#pace.headMade();
  }

  #headParts(): HeadParts {
    return { ...this.#beatInfo, key: this.#key, signerChain: this.#chain.hash };
  }

  /** The state to publish, with the chain that vouches for the key that signs it, and no other. */
  #desired(): RecordSet {
    const records = new Map(this.#records);
    for (const key of records.keys()) if (key.startsWith('chain/')) records.delete(key);
    records.set(this.#chain.recordKey, this.#chain.bytes);
    return records;
  }

  #publishedBy(order: HeadOrder): void {
    if (this.#published !== undefined && compareHeadOrder(order, this.#published) <= 0) return;
    this.#published = order;
    this.#init.onPublished?.(order);
  }

  #fence(stored: HeadOrder): void {
    if (this.#isOver()) return;
    this.#fenced = true;
    // A clone of a host has the identity too, and nothing but this tells it from a successor.
    const hint = stored.writerId === this.#init.writerId ? CLONED : undefined;
    this.#log.warn('another writer of this cluster has taken over, this one stops writing', { stored, hint });
    for (const pump of this.#pumps) void pump.close();
    this.#init.onFenced(stored);
  }
}

const CLONED =
  'it goes by the identity of this controller: was the state folder, or replicas/NAME in it, copied to where another one runs?';

interface SignerChain {
  readonly record: ChainRecord;
  readonly recordKey: string;
  readonly bytes: Uint8Array;
  readonly hash: string;
}

function signerChain(record: ChainRecord): SignerChain {
  const bytes = encodeRecord(record);
  return { record, recordKey: recordKeyOf(record), bytes, hash: sha256Hex(bytes) };
}

function highest(orders: readonly (HeadOrder | undefined)[]): HeadOrder | undefined {
  return orders.reduce((best, order) => {
    if (best === undefined || order === undefined) return best ?? order;
    return compareHeadOrder(order, best) > 0 ? order : best;
  }, undefined);
}
