/** How one run of a case ended: what the table shows and `out/faults.json` keeps. */
import type { ServerKind } from './suite.ts';

export interface Outcome {
  readonly name: string;
  readonly row: string;
  readonly alert?: string | undefined;
  readonly kind: ServerKind;
  readonly result: 'pass' | 'fail' | 'not run';
  /** Why not, for `fail` and `not run`. */
  readonly reason?: string | undefined;
  readonly notes: readonly string[];
  /** Set when it passed alone after it had failed beside other runs: why it failed then. */
  readonly failedBeside?: string | undefined;
  readonly seconds: number;
  readonly seed: number;
}
