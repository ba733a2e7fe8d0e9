import type { Clock } from '../../runtime/clock.ts';
import type { HeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import { compareText } from '../model/ids.ts';
import type { RecordBytes, RecordKey, RecordSet } from '../model/records.ts';
import type { ChangeLog } from './change-log.ts';
import { appendToLog, touchedSince } from './change-log.ts';
import type {
  Changes,
  Commit,
  Hint,
  HostableStore,
  JoinBoard,
  JoinRequest,
  Lease,
  LeaseBoard,
  StoredCluster,
  StoredHead,
  StoredRoster,
} from './contract.ts';
import { STORE_LIMITS, StoreUnavailableError } from './contract.ts';
import { checkBeatOrder, checkCommitOrder, checkRosterVersion } from './fencing.ts';
import { HintFanout } from './hint-queue.ts';
import type { JoinEntry, JoinOffer } from './join-rules.ts';
import { answerJoin, joinRetainedSinceMs, offerJoin, requestJoin } from './join-rules.ts';
import type { LeaseEntry } from './lease-rules.ts';
import { acquireLease, describeLease, releaseLease } from './lease-rules.ts';
import {
  atMost,
  checkClusterLimits,
  checkCommitLimits,
  checkHeadLimits,
  checkRosterLimits,
  recordSize,
} from './limits.ts';

interface ShelvedCluster extends StoredHead {
  readonly records: RecordSet;
  readonly log: ChangeLog;
}

/** What the handles of one in-memory store share. Every change is made within one turn of the event loop. */
export class MemoryShelf {
  readonly clusters = new Map<ClusterId, ShelvedCluster>();
  readonly joins = new Map<string, JoinEntry>();
  readonly leases = new Map<string, LeaseEntry>();
  readonly readers = new Set<HintFanout>();
  roster: StoredRoster | undefined;

  announce(hint: Hint): void {
    for (const reader of this.readers) reader.push(hint);
  }
}

/** The store contract in memory, for tests and simulation: nothing but the clock that is handed in moves it. */
export class MemoryStore implements HostableStore {
  readonly join: JoinBoard;
  readonly lease: LeaseBoard;
  readonly #clock: Clock;
  readonly #shelf: MemoryShelf;
  readonly #fanout = new HintFanout();
  #closed = false;

  constructor(components: { clock: Clock }, init: { shelf?: MemoryShelf } = {}) {
    this.#clock = components.clock;
    this.#shelf = init.shelf ?? new MemoryShelf();
    this.#shelf.readers.add(this.#fanout);
    this.join = this.#joinBoard();
    this.lease = this.#leaseBoard();
  }

  async commit(commit: Commit): Promise<void> {
    const shelf = this.#open();
    checkCommitLimits(commit);
    const stored = shelf.clusters.get(commit.cluster);
    checkCommitOrder(stored?.order, commit.order);
    if (stored === undefined) atMost('number of clusters', shelf.clusters.size + 1, STORE_LIMITS.clustersMax);
    const records = recordsAfter(stored?.records ?? new Map(), commit);
    checkClusterLimits(totalsOf(records));
    const { order, head } = commit;
    const log = appendToLog(stored?.log ?? [], { order, touched: [...commit.puts.keys(), ...commit.deletes] });
    shelf.clusters.set(commit.cluster, { order, head, records, log });
    shelf.announce({ kind: 'cluster', cluster: commit.cluster, head: { order, head } });
  }

  async beat(cluster: ClusterId, beat: StoredHead): Promise<void> {
    const shelf = this.#open();
    checkHeadLimits(beat);
    const stored = shelf.clusters.get(cluster);
    checkBeatOrder(stored?.order, beat.order);
    if (stored === undefined) return;
    const { order, head } = beat;
    shelf.clusters.set(cluster, { ...stored, order, head });
    shelf.announce({ kind: 'cluster', cluster, head: { order, head } });
  }

  async read(cluster: ClusterId): Promise<StoredCluster | undefined> {
    const stored = this.#open().clusters.get(cluster);
    return stored && { order: stored.order, head: stored.head, records: stored.records };
  }

  async changes(cluster: ClusterId, after: HeadOrder): Promise<Changes> {
    const stored = this.#open().clusters.get(cluster);
    const touched = stored && touchedSince(stored.log, after);
    if (stored === undefined || touched === undefined) return { kind: 'gone' };
    const puts = new Map<RecordKey, RecordBytes>();
    const deletes: RecordKey[] = [];
    for (const key of touched) {
      const bytes = stored.records.get(key);
      if (bytes === undefined) deletes.push(key);
      else puts.set(key, bytes);
    }
    return { kind: 'delta', order: stored.order, head: stored.head, puts, deletes };
  }

  async heads(): Promise<ReadonlyMap<ClusterId, StoredHead>> {
    const heads = [...this.#open().clusters].map(([cluster, { order, head }]) => [cluster, { order, head }] as const);
    return new Map(heads.sort(([left], [right]) => compareText(left, right)));
  }

  async roster(): Promise<StoredRoster | undefined> {
    return this.#open().roster;
  }

  async putRoster(roster: StoredRoster): Promise<void> {
    const shelf = this.#open();
    checkRosterLimits(roster);
    checkRosterVersion(shelf.roster?.version, roster.version);
    shelf.roster = roster;
    shelf.announce({ kind: 'roster' });
  }

  async credentialOf(tokenId: string): Promise<Uint8Array | undefined> {
    return this.#joinEntry(tokenId)?.credential;
  }

  watch(signal: AbortSignal): AsyncIterable<Hint> {
    this.#open();
    return this.#fanout.open(signal);
  }

  /** Ends this handle and its watches; what is on the shelf stays for the others. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#shelf.readers.delete(this.#fanout);
    this.#fanout.end();
  }

  #open(): MemoryShelf {
    if (this.#closed) throw new StoreUnavailableError('the store is closed');
    return this.#shelf;
  }

  #joinBoard(): JoinBoard {
    const keep = (entry: JoinEntry): void => {
      this.#shelf.joins.set(entry.tokenId, entry);
      this.#shelf.announce({ kind: 'join' });
    };
    return {
      offer: async (offer: JoinOffer) => {
        const existing = this.#joinEntry(offer.tokenId);
        const entry = offerJoin(existing, offer);
        if (existing === undefined) {
          this.#sweepJoins();
          atMost('number of join tokens', this.#shelf.joins.size + 1, STORE_LIMITS.joinsMax);
        }
        keep(entry);
      },
      request: async (request: JoinRequest) => {
        keep(requestJoin(this.#joinEntry(request.tokenId), request, this.#clock.epochMs()));
      },
      pending: async () => {
        this.#sweepJoins();
        return [...this.#open().joins.values()]
          .flatMap(({ tokenId, request, answer }) =>
            request === undefined || answer !== undefined ? [] : [{ tokenId, bytes: request }],
          )
          .sort((left, right) => compareText(left.tokenId, right.tokenId));
      },
      answer: async (answer: JoinRequest) => keep(answerJoin(this.#joinEntry(answer.tokenId), answer)),
      answerFor: async (tokenId: string) => this.#joinEntry(tokenId)?.answer,
    };
  }

  #joinEntry(tokenId: string): JoinEntry | undefined {
    const entry = this.#open().joins.get(tokenId);
    const retainedSinceMs = joinRetainedSinceMs(this.#clock.epochMs());
    return entry !== undefined && entry.expiresAtMs > retainedSinceMs ? entry : undefined;
  }

  #sweepJoins(): void {
    const retainedSinceMs = joinRetainedSinceMs(this.#clock.epochMs());
    for (const { tokenId, expiresAtMs } of this.#open().joins.values()) {
      if (expiresAtMs <= retainedSinceMs) this.#shelf.joins.delete(tokenId);
    }
  }

  #leaseBoard(): LeaseBoard {
    return {
      acquire: async (name: string, holder: string, ttlMs: number): Promise<Lease> => {
        const { leases } = this.#open();
        const nowMs = this.#clock.monotonicMs();
        const entry = acquireLease(leases.get(name), { name, holder, ttlMs }, nowMs);
        if (!leases.has(name)) atMost('number of leases', leases.size + 1, STORE_LIMITS.leasesMax);
        leases.set(name, entry);
        return describeLease(entry, nowMs);
      },
      release: async (name: string, holder: string): Promise<void> => {
        const { leases } = this.#open();
        const entry = releaseLease(leases.get(name), holder);
        if (entry !== undefined) leases.set(name, entry);
      },
    };
  }
}

function recordsAfter(before: RecordSet, commit: Commit): RecordSet {
  const after = new Map(before);
  for (const [key, bytes] of commit.puts) after.set(key, bytes);
  for (const key of commit.deletes) after.delete(key);
  return after;
}

function totalsOf(records: RecordSet): { records: number; bytes: number } {
  let bytes = 0;
  for (const [key, value] of records) bytes += recordSize(key, value);
  return { records: records.size, bytes };
}
