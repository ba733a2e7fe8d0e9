import { compareHeadOrder, type HeadOrder, isSameVersion } from '../model/head.ts';

/**
 * What a store holds under our own name, judged against the newest that we made. The store may have lost it, been
 * restored from a back-up, be new to us, or belong to another writer by now; each asks for something else.
 */
export type OwnCopy =
  /** Nothing there: a new cluster, an empty store, or one that lost it. */
  | { readonly kind: 'absent' }
  /** An older version of ours: this store lags, or went back. */
  | { readonly kind: 'behind'; readonly stored: HeadOrder }
  /** Written by an earlier leader of this cluster; we take over. */
  | { readonly kind: 'predecessor'; readonly stored: HeadOrder }
  /** Claims to be ours and is above what we made: only a new version can replace it. */
  | { readonly kind: 'ahead'; readonly stored: HeadOrder }
  /** Exactly our newest version. */
  | { readonly kind: 'current' }
  /** Claims to be of a writer with a higher fencing number. */
  | { readonly kind: 'fenced'; readonly stored: HeadOrder };

export interface Writer {
  readonly incarnation: number;
  readonly epoch: number;
  readonly writerId: string;
}

/** `made`: the order of the newest version of this writer; absent until there was one. */
export function judgeOwnCopy(writer: Writer, made: HeadOrder | undefined, stored: HeadOrder | undefined): OwnCopy {
  if (stored === undefined) return { kind: 'absent' };
  const writers = compareWriters(stored, writer);
  if (writers > 0) return { kind: 'fenced', stored };
  if (writers < 0) return { kind: 'predecessor', stored };
  if (made === undefined) return { kind: 'ahead', stored };
  if (isSameVersion(stored, made)) return { kind: 'current' };
  return { kind: stored.version < made.version ? 'behind' : 'ahead', stored };
}

/** By their fencing numbers alone. */
export function compareWriters(left: Writer, right: Writer): number {
  return compareHeadOrder({ ...left, version: 0, beat: 0 }, { ...right, version: 0, beat: 0 });
}
