import type { ClusterId, ServiceKey } from './ids.ts';
import { compareText } from './ids.ts';
import type { RecordBytes, RecordKey, RecordSet } from './records.ts';
import { SortedMap } from './sorted-map.ts';
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
  const deletes: RecordKey[] = [];
  if (before instanceof SortedMap && after instanceof SortedMap) {
    for (const key of SortedMap.changedKeys<RecordKey, RecordBytes>(before, after)) {
      const bytes = after.get(key);
      if (bytes === undefined) deletes.push(key);
      else if (isNew(before, key, bytes)) puts.push([key, bytes]);
    }
    return { puts: new Map(puts), deletes };
  }
  if (before.size === 0) return { puts: sortedByKey(after), deletes: [] };
  for (const [key, bytes] of after) if (isNew(before, key, bytes)) puts.push([key, bytes]);
  for (const key of before.keys()) if (!after.has(key)) deletes.push(key);
  return { puts: new Map(isSorted(puts) ? puts : puts.sort(byKey)), deletes: deletes.sort(compareText) };
}

/**
 * The records after a change. Bytes that did not really change keep their identity, and a change without effect gives
 * back `before` itself. Deletes are applied before puts; deleting what is not there is no error, because a replayed or
 * squashed delta must be harmless.
 */
export function applyChange(before: RecordSet, change: RecordChange): RecordSet {
  const edit = new Map<RecordKey, RecordBytes | undefined>();
  for (const key of change.deletes) if (before.has(key) && !change.puts.has(key)) edit.set(key, undefined);
  for (const [key, bytes] of change.puts) if (isNew(before, key, bytes)) edit.set(key, bytes);
  return edit.size === 0 ? before : SortedMap.from(before).with(edit);
}

function isNew(before: RecordSet, key: RecordKey, bytes: RecordBytes): boolean {
  const old = before.get(key);
  return old === undefined || !sameBytes(old, bytes);
}

function sortedByKey(records: RecordSet): RecordSet {
  if (records instanceof SortedMap) return records;
  const keys = [...records.keys()];
  if (keys.every((key, index) => index === 0 || (keys[index - 1] ?? '') < key)) return records;
  const sorted = new Map<RecordKey, RecordBytes>();
  for (const key of keys.sort(compareText)) {
    const bytes = records.get(key);
    if (bytes !== undefined) sorted.set(key, bytes);
  }
  return sorted;
}

/** As stores answer, mostly. */
function isSorted(entries: readonly (readonly [string, unknown])[]): boolean {
  return entries.every((entry, index) => index === 0 || (entries[index - 1]?.[0] ?? '') < entry[0]);
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
  const keys = changedKeys(before, after);
  return { changed: keys.filter((key) => after.has(key)), gone: keys.filter((key) => !after.has(key)) };
}

/** The keys whose values are not the same objects any more, sorted. Of two `SortedMap`s the shared parts are passed over. */
export function changedKeys<K extends string, V>(
  before: ReadonlyMap<K, V> | undefined,
  after: ReadonlyMap<K, V> | undefined,
): readonly K[] {
  if (before === after) return [];
  if (before instanceof SortedMap && after instanceof SortedMap) return SortedMap.changedKeys<K, V>(before, after);
  const changed: K[] = [];
  for (const [key, value] of after ?? []) if (before?.get(key) !== value || !before.has(key)) changed.push(key);
  for (const key of before?.keys() ?? []) if (after?.has(key) !== true) changed.push(key);
  return changed.sort(compareText);
}
