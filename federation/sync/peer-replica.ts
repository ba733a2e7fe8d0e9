import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { Roster } from '../../trust/contract.ts';
import { accept, acceptBeat, type Refusal } from '../model/accept.ts';
import type { Accepted, HighWaterMark, VerifyHead } from '../model/candidate.ts';
import { applyChange } from '../model/diff.ts';
import { compareHeadOrder, type HeadOrder, isSameVersion, type SignedHead } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { RecordLimits, RecordSet } from '../model/records.ts';
import type { ClusterView } from '../model/state.ts';
import type { Store, StoredHead } from '../store/contract.ts';
import { BULK_TIMEOUT_MS, COMMAND_TIMEOUT_MS, withDeadline } from './deadline.ts';
import { RefusalHold } from './refusal-hold.ts';

/**
 * What we hold of one remote cluster: its last good, whole, and the newest head we saw of it. Everything the store says
 * goes through the accept rule; a refusal changes nothing but its own hold-off. What the store does not say (a cluster
 * missing, a call unanswered) changes nothing at all.
 */
export interface ReplicaComponents {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly marks: PeerMarks;
  readonly verifyHead: VerifyHead;
  /** In force at the moment of the call; absent until the first one was verified. */
  readonly roster: () => Roster | undefined;
  readonly signal: AbortSignal;
}

/** Where the newest order ever accepted is made durable before it is used (`Marks`). */
export interface PeerMarks {
  peer(cluster: ClusterId): HighWaterMark | undefined;
  advance(cluster: ClusterId, mark: HighWaterMark): Promise<void>;
}

export interface ReplicaInit {
  readonly cluster: ClusterId;
  readonly limits: RecordLimits;
  readonly ownRanges: readonly string[];
}

/** Verified state as it is kept on disk: exact bytes, and when they were accepted. */
export interface KeptCluster {
  readonly cluster: ClusterId;
  readonly signed: SignedHead;
  readonly records: RecordSet;
  /** ms since 1970. Certificates are judged at this time again: expiry of a signer must not empty a restart. */
  readonly acceptedAtMs: number;
}

export type ReplicaStep =
  /** Nothing new. */
  | { readonly kind: 'known' }
  /** There is news to fetch (`fetch`). */
  | { readonly kind: 'fetch' }
  /** `advanced`: newer than an earlier head of this process, so its writer was alive in between. */
  | { readonly kind: 'view'; readonly view: ClusterView; readonly kept: KeptCluster; readonly advanced: boolean }
  | { readonly kind: 'beat'; readonly view: ClusterView; readonly advanced: boolean }
  | { readonly kind: 'rejected'; readonly clause: string; readonly reason: string; readonly message: string };

interface Held {
  readonly accepted: Accepted;
  readonly signed: SignedHead;
  readonly acceptedAtMs: number;
  /** Monotonic ms. */
  readonly takenAtMs: number;
}

const KNOWN: ReplicaStep = { kind: 'known' };
const FETCH: ReplicaStep = { kind: 'fetch' };
/** Refusals that another way of reading the same records cannot change. */
const FINAL_CLAUSES = new Set(['head', 'member', 'cluster', 'incarnation', 'order']);

export class PeerReplica {
  readonly #components: ReplicaComponents;
  readonly #init: ReplicaInit;
  readonly #hold: RefusalHold;
  #held: Held | undefined;
  /** Newest verified order that the store served to this process. */
  #observed: HeadOrder | undefined;

  constructor(components: ReplicaComponents, init: ReplicaInit) {
    this.#components = components;
    this.#init = init;
    this.#hold = new RefusalHold(components);
  }

  get view(): ClusterView | undefined {
    return this.#held?.accepted.view;
  }

  /**
   * A head from a hint or a poll. A beat is judged at once, without a call; anything newer has to be fetched.
   * `askedAtMs`: when the poll began, monotonic; absent for hints, which may be late, doubled and out of order.
   */
  offer(stored: StoredHead, askedAtMs?: number): ReplicaStep {
    if (this.#components.roster() === undefined || this.#hold.covers(stored.order)) return KNOWN;
    const held = this.#held;
    if (held === undefined) return FETCH;
    const current = held.accepted.mark.order;
    if (!isSameVersion(stored.order, current)) {
      if (compareHeadOrder(stored.order, current) > 0) return FETCH;
      // An answer that was under way while a newer version came in by another path is no rollback.
      const isLate = askedAtMs === undefined || askedAtMs <= held.takenAtMs;
      return isLate ? KNOWN : this.#refuse(stored.order, rollback(stored.order));
    }
    const isOld =
      stored.order.beat < current.beat || (stored.order.beat === current.beat && this.#observed !== undefined);
    return isOld ? KNOWN : this.#judgeBeat(held, stored);
  }

  /** Reads what is new and judges it. @throws StoreUnavailableError and its kin: then nothing has changed. */
  async fetch(): Promise<ReplicaStep> {
    return (await this.#fetchDelta()) ?? (await this.#fetchAll());
  }

  /** What a start finds on disk. Its order needs no mark: it is what this cluster itself had accepted. */
  restore(kept: KeptCluster): ReplicaStep {
    const verdict = this.#accept(kept, kept.acceptedAtMs, undefined);
    if (verdict === undefined) return KNOWN;
    if (!verdict.ok) return rejected(verdict);
    this.#held = { accepted: verdict, signed: kept.signed, acceptedAtMs: kept.acceptedAtMs, takenAtMs: this.#nowMs() };
    return { kind: 'view', view: verdict.view, kept, advanced: false };
  }

  /** A new roster is in force: what is held is judged again by its rules, and a refusal is forgotten. */
  rejudge(): ReplicaStep {
    this.#hold.release();
    const held = this.#held;
    if (held === undefined) return KNOWN;
    const { signed, acceptedAtMs } = held;
    const { records, mark, view } = held.accepted;
    const verdict = this.#accept({ signed, records }, acceptedAtMs, mark);
    if (verdict === undefined) return KNOWN;
    if (!verdict.ok) return rejected(verdict);
    const isSame = verdict.view.joinedAtMs === view.joinedAtMs;
    if (isSame) return KNOWN;
    this.#held = { ...held, accepted: verdict };
    return { kind: 'view', view: verdict.view, kept: this.#kept(this.#held), advanced: false };
  }

  async #fetchDelta(): Promise<ReplicaStep | undefined> {
    const held = this.#held;
    if (held === undefined) return undefined;
    const { store } = this.#components;
    const after = held.accepted.mark.order;
    const changes = await this.#call('changes', COMMAND_TIMEOUT_MS, store.changes(this.#init.cluster, after));
    if (changes.kind === 'gone') return undefined;
    const records = applyChange(held.accepted.records, changes);
    return await this.#judge({ order: changes.order, signed: changes.head, records }, 'delta');
  }

  async #fetchAll(): Promise<ReplicaStep> {
    const { store } = this.#components;
    const stored = await this.#call('read', BULK_TIMEOUT_MS, store.read(this.#init.cluster));
    if (stored === undefined) return KNOWN;
    const { order, head, records } = stored;
    return (await this.#judge({ order, signed: head, records }, 'whole')) ?? KNOWN;
  }

  /** Nothing for a delta that does not fit: one full read decides before the cluster is blamed. */
  async #judge(
    offered: { readonly order: HeadOrder; readonly signed: SignedHead; readonly records: RecordSet },
    how: 'delta' | 'whole',
  ): Promise<ReplicaStep | undefined> {
    if (this.#isOvertaken(offered.order)) return KNOWN;
    const rosterVersion = this.#rosterVersion();
    const acceptedAtMs = this.#components.clock.epochMs();
    const verdict = this.#accept(offered, acceptedAtMs, this.#mark());
    if (verdict === undefined) return KNOWN;
    if (!verdict.ok) {
      return how === 'delta' && !FINAL_CLAUSES.has(verdict.clause) ? undefined : this.#refuse(offered.order, verdict);
    }
    await this.#components.marks.advance(this.#init.cluster, verdict.mark);
    // While the mark was written a roster may have come that no longer lets this in.
    if (this.#rosterVersion() !== rosterVersion) return FETCH;
    return this.#take({ accepted: verdict, signed: offered.signed, acceptedAtMs, takenAtMs: this.#nowMs() });
  }

  /** While the answer was under way, a hint brought a later beat of the same version. */
  #isOvertaken(order: HeadOrder): boolean {
    const current = this.#held?.accepted.mark.order;
    return current !== undefined && isSameVersion(order, current) && order.beat < current.beat;
  }

  #take(next: Held): ReplicaStep {
    const before = this.#held?.accepted;
    const { view, mark, records } = next.accepted;
    // While the mark was written a later beat of the same version may have been judged on the spot.
    if (before !== undefined && compareHeadOrder(mark.order, before.mark.order) < 0) return KNOWN;
    this.#held = next;
    this.#hold.release();
    const advanced = this.#observe(mark.order);
    if (before?.records === records && isSameVersion(before.mark.order, mark.order))
      return { kind: 'beat', view, advanced };
    return { kind: 'view', view, kept: this.#kept(next), advanced };
  }

  #judgeBeat(held: Held, stored: StoredHead): ReplicaStep {
    const roster = this.#components.roster();
    if (roster === undefined) return KNOWN;
    const atMs = this.#components.clock.epochMs();
    const { verifyHead } = this.#components;
    const verdict = acceptBeat({
      ...this.#init,
      roster,
      signed: stored.head,
      previous: held.accepted,
      atMs,
      verifyHead,
    });
    if (!verdict.ok) return this.#refuse(stored.order, verdict);
    const durable = this.#components.marks.peer(this.#init.cluster);
    if (durable !== undefined && compareHeadOrder(verdict.mark.order, durable.order) < 0) {
      return this.#refuse(stored.order, rollback(stored.order));
    }
    this.#held = { ...held, accepted: verdict, signed: stored.head, acceptedAtMs: atMs };
    this.#hold.release();
    void this.#components.marks.advance(this.#init.cluster, verdict.mark);
    return { kind: 'beat', view: verdict.view, advanced: this.#observe(verdict.mark.order) };
  }

  #accept(
    offered: { readonly signed: SignedHead; readonly records: RecordSet },
    atMs: number,
    mark: HighWaterMark | undefined,
  ): ReturnType<typeof accept> | undefined {
    const roster = this.#components.roster();
    if (roster === undefined) return undefined;
    const { signed, records } = offered;
    const previous = this.#held?.accepted;
    return accept({
      ...this.#init,
      roster,
      signed,
      records,
      previous,
      mark,
      atMs,
      verifyHead: this.#components.verifyHead,
    });
  }

  /** The higher of what is on disk and what is held: after a restart the state on disk may lag behind its mark. */
  #mark(): HighWaterMark | undefined {
    const durable = this.#components.marks.peer(this.#init.cluster);
    const held = this.#held?.accepted.mark;
    if (durable === undefined || held === undefined) return durable ?? held;
    return compareHeadOrder(durable.order, held.order) > 0 ? durable : held;
  }

  #observe(order: HeadOrder): boolean {
    const before = this.#observed;
    this.#observed = order;
    return before !== undefined && compareHeadOrder(order, before) > 0;
  }

  #refuse(order: HeadOrder, refusal: Refusal): ReplicaStep {
    this.#hold.refused(order);
    return rejected(refusal);
  }

  #kept(held: Held): KeptCluster {
    const { signed, acceptedAtMs, accepted } = held;
    return { cluster: this.#init.cluster, signed, records: accepted.records, acceptedAtMs };
  }

  #nowMs(): number {
    return this.#components.clock.monotonicMs();
  }

  #rosterVersion(): number {
    return this.#components.roster()?.version ?? 0;
  }

  #call<T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> {
    const { clock, signal } = this.#components;
    return withDeadline(work, { clock, timeoutMs, what, signal });
  }
}

function rollback(order: HeadOrder): Refusal {
  const message = `the store serves version ${order.version} beat ${order.beat} of epoch ${order.epoch}, older than accepted`;
  return { ok: false, clause: 'order', reason: 'Rollback', message };
}

function rejected({ clause, reason, message }: Refusal): ReplicaStep {
  return { kind: 'rejected', clause, reason, message };
}
