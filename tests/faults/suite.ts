/**
 * What `make test-faults` runs: a case is one fault, tried on every kind of server on which it makes sense. It passes when
 * `run` resolves; whatever it throws is why it failed.
 */
import type { Program } from '../redis/programs.ts';

/**
 * How the servers of a store stand together. `alone`; `pair`: a primary and a replica without anybody who fails over;
 * `sentinel`: both with three sentinels; `cluster`: three masters; `tls`: alone, with TLS and client certificates.
 */
export type Layout = 'alone' | 'pair' | 'sentinel' | 'cluster' | 'tls';

/** A column of the table. `none`: the case brings what it needs itself and is run once. */
export type ServerKind = `${Program} ${Layout}` | 'none';

export interface FaultCase {
  /** `a-z0-9-`: how `make test-faults ONLY=name` names it. Unique over all suites. */
  readonly name: string;
  /** The fault and what must hold, in one line. Cases of one row of the fault catalogue begin with the same words. */
  readonly row: string;
  /** Empty: run once, as `none`. */
  readonly layouts: readonly Layout[];
  /** The metric by which an operator hears of it, where the catalogue names one. The case itself checks that it moved. */
  readonly alert?: string | undefined;
  readonly run: (stage: Stage) => Promise<void>;
}

/** What the runner gives to one run of a case. */
export interface Stage {
  readonly kind: ServerKind;
  /** Of the servers; meaningless for `none`. */
  readonly program: Program;
  readonly layout: Layout;
  /** For whatever a case draws at random: printed with a failure, and the same again with `SEED=`. */
  readonly seed: number;
  /** A figure or a fact for the table's last column: `503 rejected`, `back in 1.2 s`. */
  readonly note: (text: string) => void;
  /** What must be undone after the case, however it ended. */
  readonly owned: AsyncDisposableStack;
}

/** What a case throws to say that here it cannot be run, and why: never counted as passed. */
export class NotRunError extends Error {}
