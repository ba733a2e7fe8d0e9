import { type HeadOrder, compareHeadOrder, isSameVersion } from '../model/head.ts';

/**
 * What the store holds under our own name, judged against what we wrote there. The store may have lost it, been
 * restored from a back-up, or belong to another writer by now; each asks for something else.
 */
export type OwnCopy =
  /** Nothing there and nothing written yet: a new cluster, or an empty store. */
  | { readonly kind: 'absent' }
  /** What we wrote is gone or older than what we wrote: the store went back. */
  | { readonly kind: 'regressed'; readonly stored: HeadOrder | undefined }
  /** Written by an earlier leader of this cluster; we take over. */
  | { readonly kind: 'predecessor'; readonly stored: HeadOrder }
  /** Ours, but of a commit whose outcome we never learned. */
  | { readonly kind: 'unsettled'; readonly stored: HeadOrder }
  /** Exactly our version. */
  | { readonly kind: 'current' }
  /** A writer with a higher fencing number has taken over: stop writing. */
  | { readonly kind: 'fenced'; readonly stored: HeadOrder };

export interface Writer {
  readonly incarnation: number;
  readonly epoch: number;
  readonly writerId: string;
}

/** `written`: the order of our last commit that the store confirmed; absent until there was one. */
export function judgeOwnCopy(writer: Writer, written: HeadOrder | undefined, stored: HeadOrder | undefined): OwnCopy {
  if (stored === undefined) return written === undefined ? { kind: 'absent' } : { kind: 'regressed', stored };
  const writers = compareHeadOrder({ ...stored, version: 0, beat: 0 }, { ...writer, version: 0, beat: 0 });
  if (writers > 0) return { kind: 'fenced', stored };
  if (written === undefined) return { kind: writers < 0 ? 'predecessor' : 'unsettled', stored };
  if (isSameVersion(stored, written)) return { kind: 'current' };
  return { kind: compareHeadOrder(stored, written) < 0 ? 'regressed' : 'unsettled', stored };
}
