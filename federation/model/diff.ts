import type { ClusterId, ServiceKey } from './ids.ts';
import { compareText } from './ids.ts';
import type { RecordBytes, RecordKey, RecordSet } from './records.ts';
import type { FederationState } from './state.ts';

/** Differences between values, and their application. Identity is tried before content, so unchanged parts cost nothing. */
export interface RecordChange {
  readonly puts: RecordSet;
  /** Sorted. */
  readonly deletes: readonly RecordKey[];
}

export function isEmptyChange(change: RecordChange): boolean {
  return change.puts.size === 0 && change.deletes.length === 0;
}

export function sameBytes(left: RecordBytes, right: RecordBytes): boolean {
  return left === right || (left.length === right.length && Buffer.compare(left, right) === 0);
}

/** What turns `before` into `after`: the smallest change, sorted by key. */
export function diffRecords(before: RecordSet, after: RecordSet): RecordChange {
  if (before === after) return { puts: new Map(), deletes: [] };
  const puts: [RecordKey, RecordBytes][] = [];
  for (const [key, bytes] of after) {
    const old = before.get(key);
    if (old === undefined || !sameBytes(old, bytes)) puts.push([key, bytes]);
  }
  const deletes: RecordKey[] = [];
  for (const key of before.keys()) if (!after.has(key)) deletes.push(key);
  return { puts: new Map(puts.sort(byKey)), deletes: deletes.sort(compareText) };
}

/**
 * The records after a change. Bytes that did not really change keep their identity, and a change without effect gives
 * back `before` itself. Deletes are applied before puts; deleting what is not there is no error, because a replayed or
 * squashed delta must be harmless.
 */
export function applyChange(before: RecordSet, change: RecordChange): RecordSet {
  const deletes = change.deletes.filter((key) => before.has(key) && !change.puts.has(key));
  const puts = [...change.puts].filter(([key, bytes]) => {
    const old = before.get(key);
    return old === undefined || !sameBytes(old, bytes);
  });
  if (deletes.length === 0 && puts.length === 0) return before;
  const after = new Map(before);
  for (const key of deletes) after.delete(key);
  for (const [key, bytes] of puts) after.set(key, bytes);
  return after;
}

function byKey(left: readonly [string, unknown], right: readonly [string, unknown]): number {
  return compareText(left[0], right[0]);
}

export interface StateDiff {
  /** New or changed, sorted. */
  readonly services: readonly ServiceKey[];
  readonly servicesGone: readonly ServiceKey[];
  readonly peers: readonly ClusterId[];
  readonly peersGone: readonly ClusterId[];
  readonly own: 'same' | 'changed';
}

/** Which parts of the state are not the same objects any more. */
export function diffState(before: FederationState | undefined, after: FederationState): StateDiff {
  const services = diffByIdentity(before?.services, after.services);
  const peers = diffByIdentity(before?.peers, after.peers);
  return {
    services: services.changed,
    servicesGone: services.gone,
    peers: peers.changed,
    peersGone: peers.gone,
    own: before?.own === after.own ? 'same' : 'changed',
  };
}

function diffByIdentity<K extends string, V>(
  before: ReadonlyMap<K, V> | undefined,
  after: ReadonlyMap<K, V>,
): { readonly changed: readonly K[]; readonly gone: readonly K[] } {
  if (before === after) return { changed: [], gone: [] };
  const changed = [...after].filter(([key, value]) => before?.get(key) !== value).map(([key]) => key);
  const gone = before === undefined ? [] : [...before.keys()].filter((key) => !after.has(key));
  return { changed: changed.sort(compareText), gone: gone.sort(compareText) };
}
