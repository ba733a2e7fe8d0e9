import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { Roster } from '../../trust/contract.ts';
import { accept, acceptBeat, type Refusal } from '../model/accept.ts';
import type { Accepted, HighWaterMark, VerifyHead } from '../model/candidate.ts';
import { applyChange, sameBytes } from '../model/diff.ts';
import { compareHeadOrder, type HeadOrder, isSameVersion, type SignedHead } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { RecordLimits, RecordSet } from '../model/records.ts';
import type { ClusterView } from '../model/state.ts';
import type { StoredHead } from '../store/contract.ts';
import { listStores, type Stores } from '../store/several.ts';
import { BULK_TIMEOUT_MS, COMMAND_TIMEOUT_MS, withDeadline } from './deadline.ts';
import { ReplicaSource } from './replica-source.ts';
import type { HeadOffer, KeptCluster, RejectedStep, ReplicaStep } from './replica-step.ts';

export type { HeadOffer, KeptCluster, RejectedStep, ReplicaStep } from './replica-step.ts';

/**
 * What we hold of one remote cluster: its last good, whole, and the newest head we saw of it. Everything a store says
 * goes through the accept rule, and the newest that passes wins, whichever store it came from; a refusal changes nothing
 * but the hold-off of that store. What a store does not say (a cluster missing, a call unanswered) changes nothing at all.
 */
export interface ReplicaComponents {
  readonly store: Stores;
  /**
   * Whether the store at this place of the list has listed its heads, or cannot be asked. Until then it may hold the
   * newest version. Default: yes.
   */
  readonly heard?: ((from: number) => boolean) | undefined;
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

/** What a store answered, with the store. */
interface Offered {
  readonly order: HeadOrder;
  readonly signed: SignedHead;
  readonly records: RecordSet;
  readonly source: ReplicaSource;
  /** Monotonic ms. */
  readonly askedAtMs: number;
}

/** How a head came here: with a hint, which may be anyone's, or because the store was asked. */
type Via = 'hint' | 'poll';

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
  readonly #sources: readonly [ReplicaSource, ...ReplicaSource[]];
  #held: Held | undefined;
  /** Newest verified order that any store served to this process. */
  #observed: HeadOrder | undefined;

  constructor(components: ReplicaComponents, init: ReplicaInit) {
    this.#components = components;
    this.#init = init;
    const [first, ...others] = listStores(components.store);
    this.#sources = [
      new ReplicaSource(components, first),
      ...others.map((listed) => new ReplicaSource(components, listed)),
    ];
  }

  get view(): ClusterView | undefined {
    return this.#held?.accepted.view;
  }

  /** Whether this says no more than that the writer of the version held is alive. Believes nothing of it. */
  isBeat(order: HeadOrder): boolean {
    const current = this.#held?.accepted.mark.order;
    return current !== undefined && isSameVersion(order, current);
  }

  /** A beat is judged at once, without a call; anything newer has to be fetched from the store that offers it. */
  offer({ stored, from = 0, askedAtMs }: HeadOffer): ReplicaStep {
    const source = this.#source(from);
    const via: Via = askedAtMs === undefined ? 'hint' : 'poll';
    if (this.#components.roster() === undefined || source.hold.covers(stored.order)) return KNOWN;
    if (via === 'hint' && source.hintHold.covers(stored.order)) return KNOWN;
    source.offers(stored.order);
    const held = this.#held;
    if (held === undefined) return FETCH;
    const current = held.accepted.mark.order;
    if (!isSameVersion(stored.order, current)) {
      if (compareHeadOrder(stored.order, current) > 0) return FETCH;
      return askedAtMs === undefined ? KNOWN : this.#older({ order: stored.order, source, askedAtMs });
    }
    if (stored.order.beat < current.beat) return KNOWN;
    if (stored.order.beat === current.beat && this.#observed !== undefined) {
      // No order is ever signed twice: other bytes under it are another writer's, or nobody's.
      if (!sameBytes(stored.head.bytes, held.signed.bytes)) return this.#judgeBeat(held, stored, source, via);
      source.serves(current);
      return KNOWN;
    }
    return this.#judgeBeat(held, stored, source, via);
  }

  /** Whether this is worth a read of the store at this place, some time after it was offered. Believes nothing of it. */
  wants(order: HeadOrder, from: number): boolean {
    if (this.#components.roster() === undefined || this.#source(from).hold.covers(order)) return false;
    const current = this.#held?.accepted.mark.order;
    return current === undefined || (!isSameVersion(order, current) && compareHeadOrder(order, current) > 0);
  }

  /** Reads what is new in a store and judges it. @throws StoreUnavailableError and its kin: then nothing has changed. */
  async fetch(from = 0): Promise<ReplicaStep> {
    const source = this.#source(from);
    const askedAtMs = this.#nowMs();
    return (await this.#fetchDelta(source, askedAtMs)) ?? (await this.#fetchAll(source, askedAtMs));
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
    for (const source of this.#sources) source.release();
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

  #source(from: number): ReplicaSource {
    return this.#sources[from] ?? this.#sources[0];
  }

  async #fetchDelta(source: ReplicaSource, askedAtMs: number): Promise<ReplicaStep | undefined> {
    const held = this.#held;
    if (held === undefined) return undefined;
    const { store } = source.listed;
    const after = held.accepted.mark.order;
    const changes = await this.#call('changes', COMMAND_TIMEOUT_MS, store.changes(this.#init.cluster, after));
    if (changes.kind === 'gone') return undefined;
    const records = applyChange(held.accepted.records, changes);
    return await this.#judge({ order: changes.order, signed: changes.head, records, source, askedAtMs }, 'delta');
  }

  async #fetchAll(source: ReplicaSource, askedAtMs: number): Promise<ReplicaStep> {
    const { store } = source.listed;
    const stored = await this.#call('read', BULK_TIMEOUT_MS, store.read(this.#init.cluster));
    if (stored === undefined) return KNOWN;
    const { order, head, records } = stored;
    return (await this.#judge({ order, signed: head, records, source, askedAtMs }, 'whole')) ?? KNOWN;
  }

  /** Nothing for a delta that does not fit: one full read decides before the cluster is blamed. */
  async #judge(offered: Offered, how: 'delta' | 'whole'): Promise<ReplicaStep | undefined> {
    if (this.#isOvertaken(offered.order)) return KNOWN;
    const rosterVersion = this.#rosterVersion();
    const acceptedAtMs = this.#components.clock.epochMs();
    const verdict = this.#accept(offered, acceptedAtMs, this.#mark());
    if (verdict === undefined) return KNOWN;
    if (!verdict.ok) {
      if (how === 'delta' && !FINAL_CLAUSES.has(verdict.clause)) return undefined;
      return this.#judgedBad(offered, verdict);
    }
    await this.#components.marks.advance(this.#init.cluster, verdict.mark);
    // While the mark was written a roster may have come that no longer lets this in.
    if (this.#rosterVersion() !== rosterVersion) return FETCH;
    const { signed, source } = offered;
    return this.#take({ accepted: verdict, signed, acceptedAtMs, takenAtMs: this.#nowMs() }, source);
  }

  #judgedBad(offered: Offered, refusal: Refusal): ReplicaStep {
    return refusal.reason === 'Rollback' ? this.#older(offered) : this.#refuse(offered.source, offered.order, refusal);
  }

  /**
   * Below what was accepted. An answer that was under way while a newer version came in by another path is no rollback;
   * and while another store leads, a store that never served more is merely slow.
   */
  #older({ order, source, askedAtMs }: Pick<Offered, 'order' | 'source' | 'askedAtMs'>): ReplicaStep {
    if (askedAtMs <= (this.#held?.takenAtMs ?? Number.NEGATIVE_INFINITY)) return KNOWN;
    if (source.hasServedSince(askedAtMs)) return KNOWN;
    const lags = !source.hasGoneBackTo(order) && this.#isLedByAnother(source);
    return lags ? KNOWN : this.#refuse(source, order, rollback(order));
  }

  /** Another store has served what was accepted last, or may still do so. */
  #isLedByAnother(source: ReplicaSource): boolean {
    const newest = this.#mark()?.order;
    const { heard } = this.#components;
    return this.#sources.some((other, from) => {
      if (other === source) return false;
      return heard?.(from) === false || (newest !== undefined && other.mayServe(newest));
    });
  }

  /** While the answer was under way, a hint brought a later beat of the same version. */
  #isOvertaken(order: HeadOrder): boolean {
    const current = this.#held?.accepted.mark.order;
    return current !== undefined && isSameVersion(order, current) && order.beat < current.beat;
  }

  #take(next: Held, source: ReplicaSource): ReplicaStep {
    const before = this.#held?.accepted;
    const { view, mark, records } = next.accepted;
    source.serves(mark.order);
    source.hold.release();
    // While the mark was written a later beat may have been judged on the spot, or another store's answer been taken.
    if (before !== undefined && this.#isTaken(mark.order, before.mark.order)) return KNOWN;
    this.#held = next;
    const advanced = this.#observe(mark.order);
    if (before?.records === records && isSameVersion(before.mark.order, mark.order))
      return { kind: 'beat', view, advanced };
    return { kind: 'view', view, kept: this.#kept(next), advanced };
  }

  #isTaken(order: HeadOrder, current: HeadOrder): boolean {
    const newer = compareHeadOrder(order, current);
    return newer < 0 || (newer === 0 && this.#observed !== undefined);
  }

  #judgeBeat(held: Held, stored: StoredHead, source: ReplicaSource, via: Via): ReplicaStep {
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
    if (!verdict.ok) return this.#refuse(source, stored.order, verdict, via);
    const durable = this.#components.marks.peer(this.#init.cluster);
    if (durable !== undefined && compareHeadOrder(verdict.mark.order, durable.order) < 0) {
      return this.#older({ order: stored.order, source, askedAtMs: this.#nowMs() });
    }
    this.#held = { ...held, accepted: verdict, signed: stored.head, acceptedAtMs: atMs };
    if (via === 'hint') source.hintHold.release();
    else source.hold.release();
    source.serves(verdict.mark.order);
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
    const isNewer = before === undefined || compareHeadOrder(order, before) > 0;
    if (isNewer) this.#observed = order;
    return before !== undefined && isNewer;
  }

  #refuse(source: ReplicaSource, order: HeadOrder, refusal: Refusal, via: Via = 'poll'): ReplicaStep {
    if (via === 'hint') source.hintHold.refused(order);
    else source.refused(order);
    return { ...rejected(refusal), store: source.listed.name };
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

function rejected({ clause, reason, message }: Refusal): RejectedStep {
  return { kind: 'rejected', clause, reason, message };
}
