import { compareText } from './ids.ts';

/**
 * An immutable map, sorted by key, that shares all but the changed chunks with the map it was made from. One change among
 * 100,000 names copies a chunk and a list of chunks instead of everything, and what differs between two states is
 * found by comparing chunks by identity.
 */
interface Chunk<K, V> {
  readonly keys: readonly K[];
  readonly values: readonly V[];
}

/** A change copies one chunk and the list of chunks: at 100,000 entries these are of about the same cost. */
const CHUNK_MAX = 64;
/** Chunks that are split or made anew leave room, so that the next insertion does not split again. */
const CHUNK_FILLED = 48;

export class SortedMap<K extends string, V> implements ReadonlyMap<K, V> {
  /** Not hidden from the language, so that a deep comparison (`assert.deepEqual`) sees the content. */
  private readonly chunks: readonly Chunk<K, V>[];
  readonly size: number;

  private constructor(chunks: readonly Chunk<K, V>[]) {
    this.chunks = chunks;
    let size = 0;
    for (const { keys } of chunks) size += keys.length;
    this.size = size;
  }

  static empty<K extends string, V>(): SortedMap<K, V> {
    return new SortedMap<K, V>([]);
  }

  /** The same object when it is one already. Of two entries of one key the later one counts. */
  static from<K extends string, V>(entries: Iterable<readonly [K, V]>): SortedMap<K, V> {
    if (entries instanceof SortedMap) return entries;
    const keys: K[] = [];
    const values: V[] = [];
    let isSorted = true;
    for (const [key, value] of entries) {
      isSorted &&= keys.length === 0 || (keys[keys.length - 1] ?? '') < key;
      keys.push(key);
      values.push(value);
    }
    return isSorted ? new SortedMap(chunksOf(keys, values)) : SortedMap.#sorted(keys, values);
  }

  static #sorted<K extends string, V>(keys: readonly K[], values: readonly V[]): SortedMap<K, V> {
    const last = new Map<K, V>();
    // Both lists have the same length.
    for (const [index, key] of keys.entries()) last.set(key, values[index] as V);
    const sorted = [...last.keys()].sort(compareText);
    return new SortedMap(
      chunksOf(
        sorted,
        sorted.map((key) => last.get(key) as V),
      ),
    );
  }

  get(key: K): V | undefined {
    const chunk = this.chunks[indexOfChunk(this.chunks, key)];
    if (chunk === undefined) return undefined;
    const index = indexIn(chunk.keys, key);
    return chunk.keys[index] === key ? chunk.values[index] : undefined;
  }

  has(key: K): boolean {
    const keys = this.chunks[indexOfChunk(this.chunks, key)]?.keys;
    return keys !== undefined && keys[indexIn(keys, key)] === key;
  }

  /** `undefined` deletes. The same object when nothing changes. */
  with(edit: ReadonlyMap<K, V | undefined>): SortedMap<K, V> {
    const changes = [...edit].filter(([key, value]) => this.get(key) !== value);
    if (changes.length === 0) return this;
    changes.sort((left, right) => compareText(left[0], right[0]));
    const chunks: Chunk<K, V>[] = [];
    let kept = 0;
    for (let next = 0; next < changes.length; ) {
      const first = next;
      const index = indexOfChunk(this.chunks, changes[first]?.[0]);
      next = endOfGroup(changes, first, this.chunks[index + 1]?.keys[0]);
      for (const chunk of this.chunks.slice(kept, index)) chunks.push(chunk);
      chunks.push(...editedChunk(this.chunks[index] ?? { keys: [], values: [] }, changes.slice(first, next)));
      kept = index + 1;
    }
    for (const chunk of this.chunks.slice(kept)) chunks.push(chunk);
    return new SortedMap(chunks);
  }

  /** The keys whose values are not the same objects in both maps, sorted. */
  static changedKeys<K extends string, V>(before: SortedMap<K, V>, after: SortedMap<K, V>): readonly K[] {
    if (before === after) return [];
    const old = new Map<K, V>();
    const fresh = new Map<K, V>();
    const [left, right] = [before.chunks, after.chunks];
    for (let i = 0, j = 0; i < left.length || j < right.length; ) {
      const [one, other] = [left[i], right[j]];
      if (one === other) {
        i += 1;
        j += 1;
        continue;
      }
      // A chunk of both maps is always met on both sides at once, because whatever lies before it is passed first.
      const order = compareLast(one, other);
      if (one !== undefined && order <= 0) {
        gather(old, one);
        i += 1;
      }
      if (other !== undefined && order >= 0) {
        gather(fresh, other);
        j += 1;
      }
    }
    const changed: K[] = [];
    for (const [key, value] of fresh) if (old.get(key) !== value || !old.has(key)) changed.push(key);
    for (const key of old.keys()) if (!fresh.has(key)) changed.push(key);
    return changed.sort(compareText);
  }

  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void, thisArg?: unknown): void {
    for (const [key, value] of this) visit.call(thisArg, value, key, this);
  }

  *entries(): Generator<[K, V], undefined> {
    for (const { keys, values } of this.chunks) {
      // Both lists of a chunk have the same length.
      for (let index = 0; index < keys.length; index += 1) yield [keys[index] as K, values[index] as V];
    }
    return undefined;
  }

  *keys(): Generator<K, undefined> {
    for (const { keys } of this.chunks) yield* keys;
    return undefined;
  }

  *values(): Generator<V, undefined> {
    for (const { values } of this.chunks) yield* values;
    return undefined;
  }

  [Symbol.iterator](): Generator<[K, V], undefined> {
    return this.entries();
  }
}

/** The first change that belongs behind `limit`, the first key of the next chunk. */
function endOfGroup<K extends string>(changes: readonly (readonly [K, unknown])[], start: number, limit?: K): number {
  if (limit === undefined) return changes.length;
  let end = start + 1;
  for (let change = changes[end]; change !== undefined && change[0] < limit; change = changes[end]) end += 1;
  return end;
}

/** The last chunk whose first key is not above `key`; the first one for a key below all. */
function indexOfChunk<K extends string>(chunks: readonly Chunk<K, unknown>[], key: K | undefined): number {
  let low = 0;
  let high = chunks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    const first = chunks[middle]?.keys[0];
    if (first !== undefined && key !== undefined && first <= key) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Where `key` is, or would be. */
function indexIn<K extends string>(keys: readonly K[], key: K): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = keys[middle];
    if (at !== undefined && at < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function editedChunk<K extends string, V>(
  chunk: Chunk<K, V>,
  changes: readonly (readonly [K, V | undefined])[],
): readonly Chunk<K, V>[] {
  const keys: K[] = [];
  const values: V[] = [];
  let next = 0;
  const take = (end: K | undefined): void => {
    for (let change = changes[next]; change !== undefined; change = changes[next]) {
      const [key, value] = change;
      if (end !== undefined && key > end) return;
      next += 1;
      if (value === undefined) continue;
      keys.push(key);
      values.push(value);
    }
  };
  for (const [index, key] of chunk.keys.entries()) {
    const before = next;
    take(key);
    if (next > before && changes[next - 1]?.[0] === key) continue;
    keys.push(key);
    // Both lists of a chunk have the same length.
    values.push(chunk.values[index] as V);
  }
  take(undefined);
  return chunksOf(keys, values);
}

function chunksOf<K extends string, V>(keys: readonly K[], values: readonly V[]): readonly Chunk<K, V>[] {
  if (keys.length === 0) return [];
  if (keys.length <= CHUNK_MAX) return [{ keys, values }];
  const count = Math.ceil(keys.length / CHUNK_FILLED);
  const length = Math.ceil(keys.length / count);
  const chunks: Chunk<K, V>[] = [];
  for (let start = 0; start < keys.length; start += length) {
    chunks.push({ keys: keys.slice(start, start + length), values: values.slice(start, start + length) });
  }
  return chunks;
}

function compareLast<K extends string>(
  left: Chunk<K, unknown> | undefined,
  right: Chunk<K, unknown> | undefined,
): number {
  if (left === undefined) return 1;
  if (right === undefined) return -1;
  return compareText(left.keys[left.keys.length - 1] ?? '', right.keys[right.keys.length - 1] ?? '');
}

function gather<K, V>(into: Map<K, V>, { keys, values }: Chunk<K, V>): void {
  // Both lists of a chunk have the same length.
  for (let index = 0; index < keys.length; index += 1) into.set(keys[index] as K, values[index] as V);
}
