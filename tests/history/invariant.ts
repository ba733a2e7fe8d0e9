import type { History } from './events.ts';

/** One of I1 to I10, judged over a whole history. */
export interface Invariant {
  readonly id: string;
  /** What must hold, in one sentence. */
  readonly promise: string;
  /** Pure. */
  readonly check: (history: History) => Judgement;
}

/**
 * `facts` counts what was looked at. A suite that could not see what an invariant is about has not shown that it holds,
 * so that is an answer of its own; `unseen` names the part that could not be seen where the rest could.
 */
export type Judgement =
  | { readonly kind: 'held'; readonly facts: number; readonly unseen: readonly string[] }
  | { readonly kind: 'violated'; readonly violations: readonly Violation[] }
  | { readonly kind: 'not observed'; readonly why: string };

export interface Violation {
  readonly atMs: number;
  readonly message: string;
}

/** @param why what the suite would have to record */
export function judge(
  facts: number,
  violations: readonly Violation[],
  why: string,
  unseen: readonly string[] = [],
): Judgement {
  if (violations.length > 0) return { kind: 'violated', violations };
  return facts === 0 ? { kind: 'not observed', why } : { kind: 'held', facts, unseen };
}
