import type { Clock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { diffRecords } from '../model/diff.ts';
import { RecordDigest } from '../model/digest.ts';
import { compareHeadOrder, type HeadOrder, isSameVersion } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { RecordSet } from '../model/records.ts';
import { FencedError, type StoredCluster } from '../store/contract.ts';
import type { ListedStore } from '../store/several.ts';
import { BULK_TIMEOUT_MS, COMMAND_TIMEOUT_MS, commitTimeoutMs, withDeadline } from './deadline.ts';
import { judgeOwnCopy, type Writer } from './own-copy.ts';
import type { OwnVersion } from './own-versions.ts';

/**
 * One writer's calls on one store under its own name, and what it knows of that store's copy. The store is not trusted
 * to keep what it was given: after every doubt (start, failure, regress) the copy is read before it is written again,
 * because a delta on top of a guess would leave records behind that no head accounts for.
 */
export interface OwnWriterComponents {
  readonly listed: ListedStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** What this writer made, for all stores. */
  readonly made: () => OwnVersion | undefined;
  /** Whether a head under our name was signed by this cluster. */
  readonly isProven: (stored: StoredCluster) => boolean;
  readonly signal: AbortSignal;
}

export interface OwnWriterInit extends Writer {
  readonly cluster: ClusterId;
}

/** The store names a writer above us and shows no head that proves it: this store is broken, and only this store. */
export class UnprovenFenceError extends IsthmusError {
  constructor(store: string, stored: HeadOrder) {
    super('unproven-fence', 'the store claims that another writer took over, and no head of ours in it proves that', {
      fields: { store, stored },
      hint: 'look at it with `isthmus store dump`; whoever can write there can also put back what belongs there',
    });
  }
}

const NOTHING: RecordSet = new Map();
/**
 * How far above our own versions a store may claim one without proof and be written over by a still higher number. A
 * damaged order heals that way, and a hostile store does not use up the integers: it costs 2^33 repairs to get there.
 */
const UNPROVEN_LEAP_MAX = 2 ** 20;

export class OwnWriter {
  readonly #components: OwnWriterComponents;
  readonly #init: OwnWriterInit;
  /** The records that the store holds, as far as we know; absent when in doubt. */
  #copy: RecordSet | undefined;
  /** The copy is not the newest version, or not certain to be: found by reading it. */
  #needsRepair = true;
  #floor = 0;
  #written: HeadOrder | undefined;
  /** The newest version of ours that the store was seen to hold, log and all. */
  #verified: HeadOrder | undefined;
  /** How often there was a doubt: an answer that was under way when one came up says nothing about it. */
  #doubts = 0;

  constructor(components: OwnWriterComponents, init: OwnWriterInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Of the last commit or beat that the store confirmed, or was seen to hold. */
  get order(): HeadOrder | undefined {
    return this.#written;
  }

  get knowsStore(): boolean {
    return this.#copy !== undefined;
  }

  /** The next commit mends what was found wrong, or is the first: the store is read back after it. */
  get needsRepair(): boolean {
    return this.#needsRepair;
  }

  /** Only a version above this replaces what the store holds; 0 when any of ours does. */
  get floor(): number {
    return this.#floor;
  }

  /** What the store lacks of the newest head. */
  lacks({ order }: OwnVersion): 'version' | 'beat' | 'nothing' {
    const written = this.#written;
    if (this.#needsRepair || written === undefined || !isSameVersion(written, order)) return 'version';
    return written.beat < order.beat ? 'beat' : 'nothing';
  }

  /**
   * The store may have been another one for a while: the next look reads our whole copy. A server that is started again
   * may have kept the head and lost the records under it (Redis 7.0 does not replay transactions of its append-only file
   * when the default user has no rights), and the versions it then lists still follow each other.
   */
  doubt(): void {
    this.#verified = undefined;
    this.#doubts += 1;
  }

  /** Reads our whole copy. @throws FencedError when another writer has provably taken over. */
  async learn(): Promise<void> {
    const { listed, made } = this.#components;
    const doubts = this.#doubts;
    const stored = await this.#call('read', BULK_TIMEOUT_MS, listed.store.read(this.#init.cluster));
    const newest = made();
    const judged = judgeOwnCopy(this.#init, newest?.order, stored?.order);
    if (judged.kind === 'fenced' && stored !== undefined) this.#fencedBy(stored);
    this.#reportRollback(stored?.order);
    this.#needsRepair = judged.kind !== 'current';
    this.#floor = judged.kind === 'predecessor' || judged.kind === 'ahead' ? this.#leap(stored, newest) : 0;
    this.#copy = stored?.records ?? NOTHING;
    if (judged.kind === 'current' && newest !== undefined) this.#judgeRecords(newest, stored?.order.beat ?? 0);
    this.#verified = this.#needsRepair || doubts !== this.#doubts ? undefined : this.#written;
  }

  /**
   * One small call that tells whether the store still builds on what we wrote; reads the whole copy when it does not.
   * Asked is for the changes since the last *verified* version: a store that went back and then took a delta of ours
   * has our newest head over the wrong records, and shows it by not knowing the version before.
   */
  async check(): Promise<void> {
    const [written, verified] = [this.#written, this.#verified];
    if (written === undefined || verified === undefined) return await this.learn();
    const { store } = this.#components.listed;
    const doubts = this.#doubts;
    const changes = await this.#call('changes', COMMAND_TIMEOUT_MS, store.changes(this.#init.cluster, verified));
    if (changes.kind === 'gone' || !isSameVersion(changes.order, written)) await this.learn();
    else if (doubts === this.#doubts) this.#verified = written;
  }

  /**
   * Makes the store hold this version. An attempt whose outcome is unknown is repeated under the same number and head:
   * what it stands for does not depend on what became of it.
   * @throws what the store throws; the copy is then learnt anew before the next attempt.
   */
  async commit({ order, head, records, step }: OwnVersion): Promise<void> {
    const copy = this.#copy ?? NOTHING;
    const change = copy === step.before ? step.change : diffRecords(copy, records);
    this.#copy = undefined;
    const repairing = this.#needsRepair;
    const doubts = this.#doubts;
    const { cluster } = this.#init;
    const { store } = this.#components.listed;
    const commit = { cluster, order, head, puts: change.puts, deletes: change.deletes };
    // Until the answer is there the outcome is open: whoever reads the copy after a failure repairs on top of it.
    this.#needsRepair = true;
    await this.#call('commit', commitTimeoutMs(sizeOf(change.puts)), store.commit(commit));
    // A repair wrote on top of what had just been read; a reader's log begins with it.
    if (repairing && doubts === this.#doubts) this.#verified = order;
    this.#copy = records;
    this.#written = order;
    this.#needsRepair = false;
    this.#floor = 0;
    this.#count('isthmus_publish_commits_total', 'Versions written to the store');
  }

  /** Replaces the head by a newer beat of the version that the store holds. */
  async beat({ order, head }: OwnVersion): Promise<void> {
    const { store } = this.#components.listed;
    await this.#call('beat', COMMAND_TIMEOUT_MS, store.beat(this.#init.cluster, { order, head }));
    this.#written = order;
    this.#count('isthmus_publish_beats_total', 'Heads re-signed without a new version');
  }

  #fencedBy(stored: StoredCluster): never {
    if (this.#components.isProven(stored)) throw new FencedError(stored.order);
    throw new UnprovenFenceError(this.#components.listed.name, stored.order);
  }

  /** Versions never reset within an incarnation, as far as what others wrote can be believed. */
  #leap(stored: StoredCluster | undefined, newest: OwnVersion | undefined): number {
    if (stored === undefined || stored.order.incarnation !== this.#init.incarnation) return 0;
    const { version } = stored.order;
    const isNear = version <= (newest?.order.version ?? 0) + UNPROVEN_LEAP_MAX;
    return isNear || this.#components.isProven(stored) ? version : 0;
  }

  /** The head says that it is our newest version: whether the records under it are, only hashing tells. */
  #judgeRecords({ order, digest }: OwnVersion, storedBeat: number): void {
    const intact = RecordDigest.of(this.#copy ?? NOTHING).hex === digest.hex;
    if (intact) {
      this.#written = { ...order, beat: Math.min(order.beat, storedBeat) };
      return;
    }
    this.#needsRepair = true;
    this.#floor = order.version;
    this.#count('isthmus_store_damage_detected_total', 'Our records in the store did not match the head over them');
    this.#log('the store lost or changed records under a valid head, publishing them again', { written: order });
  }

  #reportRollback(stored: HeadOrder | undefined): void {
    const written = this.#written;
    if (written === undefined) return;
    if (stored !== undefined && compareHeadOrder({ ...stored, beat: 0 }, { ...written, beat: 0 }) >= 0) return;
    this.#count('isthmus_store_rollback_detected_total', 'The store held an older state of ours than we had written');
    this.#log('the store went back behind what was published, publishing the whole state again', {
      written,
      stored: stored ?? 'nothing',
    });
  }

  #call<T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> {
    const { clock, signal } = this.#components;
    return withDeadline(work, { clock, timeoutMs, what, signal });
  }

  #log(message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#components.log.warn(message, { store: this.#components.listed.name, ...fields });
  }

  #count(name: string, help: string): void {
    this.#components.metrics.counter(name, help).add();
  }
}

function sizeOf(records: RecordSet): number {
  let bytes = 0;
  for (const record of records.values()) bytes += record.byteLength;
  return bytes;
}
