import type { Lab } from './lab.ts';

/** How often a promise was broken, of how many times it was put to the test. */
export interface Verdict {
  readonly broken: number;
  readonly of: number;
  /** What came instead. */
  readonly detail: string;
}

/** A short scenario on real Envoys. It must hold as generated, and be broken by each mutant that names it. */
export interface Check {
  readonly name: string;
  /** What a caller is promised, in one sentence. */
  readonly promise: string;
  readonly run: (lab: Lab) => Promise<Verdict>;
}
