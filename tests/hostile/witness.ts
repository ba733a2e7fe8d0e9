import { isDeepStrictEqual } from 'node:util';
import { viewOfRecords } from '../../federation/model/cluster-view.ts';
import { compareHeadOrder, type Head, type HeadOrder, isSameVersion } from '../../federation/model/head.ts';
import { decodeHead } from '../../federation/model/head-codec.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { RecordSet } from '../../federation/model/records.ts';
import { sha256Hex } from '../../federation/model/sha256.ts';
import type { ClusterView } from '../../federation/model/state.ts';
import type { KeptCluster } from '../../federation/sync/peer-replica.ts';
import type { Roster } from '../../trust/contract.ts';
import type { Recorder } from '../history/recorder.ts';
import { recordHashes } from '../history/recorder.ts';
import { LIMITS } from './cast.ts';

interface KeptOctets {
  readonly order: HeadOrder;
  readonly records: RecordSet;
  readonly hashes: Record<string, string>;
}

/**
 * Writes down what one reader takes for true: the octets it keeps, and that the view it hands on says what they say. It
 * looks from outside, at what the product hands to its keeper and its listener.
 */
export class Witness {
  readonly #recorder: Recorder;
  readonly #reader: string;
  readonly #kept = new Map<ClusterId, KeptOctets>();
  readonly #seen = new Map<ClusterId, Head>();
  /** Told to the listener before its octets were kept. */
  readonly #unkept = new Map<ClusterId, Head>();
  /** Version of the roster by which a head was judged, where that was not the newest. */
  readonly #judgedBy = new WeakMap<Head, number>();
  #roster = 0;
  #run = 0;

  constructor(components: { readonly recorder: Recorder }, init: { readonly reader: string }) {
    this.#recorder = components.recorder;
    this.#reader = init.reader;
  }

  started(): void {
    this.#run += 1;
    this.#roster = 0;
    this.#kept.clear();
    this.#seen.clear();
    this.#unkept.clear();
    this.#recorder.record({ kind: 'reader', reader: this.#reader, run: this.#run, state: 'started' });
  }

  stopped(): void {
    this.#recorder.record({ kind: 'reader', reader: this.#reader, run: this.#run, state: 'stopped' });
  }

  /** A new version, with the octets that vouch for it. */
  keeps(kept: KeptCluster): void {
    const { order } = orderOfBytes(kept.signed.bytes);
    this.#kept.set(kept.cluster, { order, hashes: recordHashes(kept.records), records: kept.records });
  }

  /**
   * Any state that is new since the last look: of a version just kept, or of a beat that came without records. `told`: the
   * cluster of whose view the reader has just told its listener.
   */
  sees(views: ReadonlyMap<ClusterId, ClusterView>, origin: 'store' | 'disk', told?: ClusterId): void {
    for (const [place, view] of views) {
      const { head } = view;
      const kept = this.#kept.get(place);
      const before = this.#seen.get(place);
      const isKnown = before !== undefined && compareHeadOrder(before, head) === 0 && before.digest === head.digest;
      if (isKnown) continue;
      if (kept !== undefined && isSameVersion(kept.order, head)) this.#takes(place, view, origin, kept);
      // Between the verdict and the call of the keeper the view is there, and a beat upon it may be told already.
      else if (place === told) this.#unkept.set(place, head);
    }
  }

  /** The same, later than anything that was told before: by now the octets of whatever was told must have been kept. */
  looksAgain(views: ReadonlyMap<ClusterId, ClusterView>): void {
    this.sees(views, 'store');
    for (const [place, view] of views) {
      const [told, kept] = [this.#unkept.get(place), this.#kept.get(place)];
      const isKept = kept !== undefined && isSameVersion(kept.order, view.head);
      if (!isKept && told !== undefined && isSameVersion(told, view.head)) this.#takes(place, view, 'store', undefined);
    }
    this.#unkept.clear();
  }

  #takes(place: ClusterId, view: ClusterView, origin: 'store' | 'disk', kept: KeptOctets | undefined): void {
    const { head } = view;
    this.#seen.set(place, head);
    const records = recordsUnder(kept, view);
    const roster = this.#judgedBy.get(head);
    const facts = { cluster: place, order: orderOf(head), digest: head.digest, records, roster };
    this.#recorder.record({ kind: 'applied', reader: this.#reader, run: this.#run, origin, ...facts });
  }

  rejected(rejection: { readonly cluster: string; readonly clause: string; readonly reason: string }): void {
    const { cluster, clause, reason } = rejection;
    this.#recorder.record({ kind: 'rejected', reader: this.#reader, cluster, clause, reason });
  }

  /** `views`: what it holds at this moment, some of it perhaps told to nobody yet: all of that was judged before. */
  trusts(
    { roster, bytes }: { readonly roster: Roster; readonly bytes: Uint8Array },
    views: ReadonlyMap<ClusterId, ClusterView>,
    origin: 'store' | 'disk',
  ): void {
    if (this.#roster > 0) for (const { head } of views.values()) this.#judgedBy.set(head, this.#roster);
    this.#roster = roster.version;
    const active = roster.members.filter(({ status }) => status === 'active');
    const members = Object.fromEntries(active.map(({ cluster, incarnation }) => [cluster, incarnation]));
    const { version } = roster;
    this.#recorder.record({ kind: 'roster', reader: this.#reader, origin, version, digest: sha256Hex(bytes), members });
  }

  distrusts(reason: string): void {
    this.#recorder.record({ kind: 'rosterRejected', reader: this.#reader, reason });
  }

  lost(cluster: ClusterId): void {
    this.#recorder.record({ kind: 'withdrawn', reader: this.#reader, cluster });
  }

  holds(views: ReadonlyMap<ClusterId, ClusterView>): void {
    this.#recorder.record({ kind: 'holds', reader: this.#reader, clusters: [...views.keys()] });
  }

  shows(rejection: { readonly cluster: string; readonly reason: string }, where: 'metric' | 'event'): void {
    const { cluster, reason } = rejection;
    this.#recorder.record({ kind: 'shown', reader: this.#reader, cluster, shown: reason, where });
  }
}

/** The hashes of the octets under the view, unless the view says something else than they do. */
function recordsUnder(kept: KeptOctets | undefined, view: ClusterView): Record<string, string> {
  if (kept === undefined) return { 'no octets of this version were kept': '' };
  const { records, hashes } = kept;
  const { head, joinedAtMs } = view;
  const rebuilt = viewOfRecords({ head, joinedAtMs, records, limits: LIMITS });
  const isSame = rebuilt.ok && isDeepStrictEqual(rebuilt.value, view);
  return isSame ? hashes : { 'the view says something else than its octets': '' };
}

function orderOf({ incarnation, epoch, writerId, version, beat }: HeadOrder): HeadOrder {
  return { incarnation, epoch, writerId, version, beat };
}

export function orderOfBytes(bytes: Uint8Array): { readonly order: HeadOrder; readonly head: Head } {
  const decoded = decodeHead(bytes);
  if (!decoded.ok) throw new Error(`a head of our own does not decode: ${decoded.message}`);
  return { order: orderOf(decoded.value), head: decoded.value };
}
