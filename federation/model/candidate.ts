import type { Checked, Roster, RosterMember } from '../../trust/contract.ts';
import type { DecodedChange, RecordProblem } from './cluster-view.ts';
import { buildClusterView, decodeChange } from './cluster-view.ts';
import type { RecordChange } from './diff.ts';
import { applyChange, diffRecords } from './diff.ts';
import { RecordDigest } from './digest.ts';
import type { Head, HeadOrder, SignedHead } from './head.ts';
import type { ClusterId } from './ids.ts';
import type { RecordLimits, RecordSet } from './records.ts';
import type { RecordTotals } from './record-totals.ts';
import { NO_RECORD_TOTALS, totalsAfter } from './record-totals.ts';
import { SortedMap } from './sorted-map.ts';
import type { ClusterView } from './state.ts';

/**
 * What the accept rule judges: a head and records as the store gave them, and what was accepted before. Work is lazy
 * and done once: nothing is hashed before the signature holds, nothing decoded before the digest does.
 */

/** The newest head ever accepted of a cluster. Persisted: a reader must not go back even over a restart. */
export interface HighWaterMark {
  readonly order: HeadOrder;
  /** Hex, of the version named by `order`. */
  readonly digest: string;
}

/** All that a reader keeps of a cluster: handed back as `previous` next time, so that unchanged records cost nothing. */
export interface Accepted {
  readonly view: ClusterView;
  readonly records: RecordSet;
  readonly digest: RecordDigest;
  readonly totals: RecordTotals;
  readonly mark: HighWaterMark;
}

/** `verifyHead` of trust/, or a cache in front of it. */
export type VerifyHead = (input: {
  readonly cluster: ClusterId;
  readonly clustersetDomain: string;
  readonly headBytes: Uint8Array;
  readonly signature: Uint8Array;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** DER. */
  readonly anchors: readonly Uint8Array[];
  readonly atMs: number;
}) => Checked<unknown>;

export interface AcceptInput {
  /** Whose place in the store this came from. */
  readonly cluster: ClusterId;
  readonly roster: Roster;
  readonly signed: SignedHead;
  /** The whole set: for a delta, `applyChange(previous.records, delta)`. */
  readonly records: RecordSet;
  readonly previous?: Accepted | undefined;
  readonly mark?: HighWaterMark | undefined;
  readonly limits: RecordLimits;
  /** The reader's own pod and service ranges, CIDR. */
  readonly ownRanges: readonly string[];
  /** When certificates are judged, ms since 1970. For state from the own disk: the time it was accepted. */
  readonly atMs: number;
  readonly verifyHead: VerifyHead;
}

const NO_RECORDS: RecordSet = new Map();

export class Candidate {
  readonly input: AcceptInput;
  readonly head: Head;
  readonly member: RosterMember | undefined;
  #change: RecordChange | undefined;
  #totals: RecordTotals | undefined;
  #digest: RecordDigest | undefined;
  #decoded: { readonly decoded: DecodedChange; readonly problems: readonly RecordProblem[] } | undefined;
  #view: Checked<ClusterView> | undefined;

  constructor(input: AcceptInput, head: Head) {
    this.input = input;
    this.head = head;
    this.member = input.roster.members.find((member) => member.cluster === input.cluster);
  }

  /** What differs from the records accepted before. */
  get change(): RecordChange {
    this.#change ??= diffRecords(this.input.previous?.records ?? NO_RECORDS, this.input.records);
    return this.#change;
  }

  /** Counted from the records received. */
  get totals(): RecordTotals {
    const { previous } = this.input;
    this.#totals ??= totalsAfter(previous?.totals ?? NO_RECORD_TOTALS, previous?.records ?? NO_RECORDS, this.change);
    return this.#totals;
  }

  /** Computed from the bytes received, never believed. */
  get digest(): RecordDigest {
    this.#digest ??= (this.input.previous?.digest ?? RecordDigest.empty()).with(this.change);
    return this.#digest;
  }

  get problems(): readonly RecordProblem[] {
    return this.#decode().problems;
  }

  /** The view of every record that decodes. */
  get view(): Checked<ClusterView> {
    this.#view ??= buildClusterView(
      { head: this.head, joinedAtMs: this.member?.joinedAtMs ?? 0, change: this.#decode().decoded },
      this.input.previous?.view,
    );
    return this.#view;
  }

  /** The received records, with the identity of those accepted before where the bytes are equal. */
  get records(): RecordSet {
    const { previous, records } = this.input;
    if (previous !== undefined) return applyChange(previous.records, this.change);
    // Everything is new, and the change lists it in order.
    return records instanceof SortedMap ? records : SortedMap.from(this.change.puts);
  }

  get mark(): HighWaterMark {
    const { incarnation, epoch, writerId, version, beat } = this.head;
    return { order: { incarnation, epoch, writerId, version, beat }, digest: this.head.digest };
  }

  #decode(): { readonly decoded: DecodedChange; readonly problems: readonly RecordProblem[] } {
    this.#decoded ??= decodeChange(this.change, this.input.limits);
    return this.#decoded;
  }
}
