/** One thing that happens to a topology, and what it must not cost. */
import type { Counted } from './caller.ts';
import type { LinkedClusters } from './linked-clusters.ts';

export interface Stage {
  readonly linked: LinkedClusters;
  /** Of Isthmus, in every node. */
  readonly image: string;
  readonly onStep: (text: string) => void;
}

export interface Outcome {
  readonly counted?: Counted;
  /** From the event to the first answer after it. */
  readonly recoveryMs?: number;
  /** What else is to be said. */
  readonly note?: string;
}

export interface Scenario {
  readonly name: string;
  /** One sentence. */
  readonly promise: string;
  /** Why it cannot run there; undefined when it can. */
  readonly notIn?: (topology: string) => string | undefined;
  /** @throws AssertionError with the promise that was broken */
  readonly run: (stage: Stage) => Promise<Outcome>;
}
