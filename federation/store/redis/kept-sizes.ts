import type { ClusterId } from '../../model/ids.ts';
import type { RecordKey } from '../../model/records.ts';
import type { Commit } from '../contract.ts';
import { recordSize } from '../limits.ts';

/**
 * What a writer remembers of what it left in the store: enough to keep the limits without reading all records for each
 * commit. It holds only as long as the head in the store is, octet for octet, the one that was left.
 */
export interface KeptSizes {
  readonly head: Buffer;
  /** Record -> octets, its key's included. Changed in place by `grow`. */
  readonly sizes: Map<RecordKey, number>;
  readonly bytes: number;
  /** Of the log's entries, oldest first. */
  readonly logSizes: readonly number[];
}

export const NOTHING_KEPT = (): KeptSizes => ({ head: Buffer.alloc(0), sizes: new Map(), bytes: 0, logSizes: [] });

/** What the cluster's records would be after the commit. Costs what the commit changes, not what there is. */
export function totalsAfter(
  { sizes, bytes }: KeptSizes,
  { puts, deletes }: Commit,
): { records: number; bytes: number } {
  let [count, total] = [sizes.size, bytes];
  for (const key of new Set(deletes)) {
    const size = sizes.get(key);
    if (size === undefined) continue;
    count -= 1;
    total -= size;
  }
  for (const [key, value] of puts) {
    const size = sizes.get(key);
    if (size === undefined) count += 1;
    total += recordSize(key, value) - (size ?? 0);
  }
  return { records: count, bytes: total };
}

/** The commit is in. */
export function grow(
  before: KeptSizes,
  commit: Commit,
  left: { readonly head: Buffer; readonly logSizes: readonly number[] },
): KeptSizes {
  const { bytes } = totalsAfter(before, commit);
  for (const key of commit.deletes) before.sizes.delete(key);
  for (const [key, value] of commit.puts) before.sizes.set(key, recordSize(key, value));
  return { ...left, bytes, sizes: before.sizes };
}

/** A process writes one cluster, tests some: what is forgotten is read again. */
const REMEMBERED_MAX = 8;

export class Remembered {
  readonly #kept = new Map<ClusterId, KeptSizes>();

  get(cluster: ClusterId): KeptSizes | undefined {
    return this.#kept.get(cluster);
  }

  set(cluster: ClusterId, kept: KeptSizes): void {
    this.#kept.delete(cluster);
    this.#kept.set(cluster, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= REMEMBERED_MAX) break;
      this.#kept.delete(oldest);
    }
  }
}
