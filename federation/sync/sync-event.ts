import type { Roster } from '../../trust/contract.ts';
import type { ClusterId } from '../model/ids.ts';
import type { ClusterView } from '../model/state.ts';
import type { WithheldRoster } from './roster-follower.ts';

/** What the subscriber tells its one listener. Facts with their evidence, never instructions. */
export type SyncEvent =
  /** A new version was verified (`store`), or restored at start (`disk`). */
  | { readonly kind: 'view'; readonly view: ClusterView; readonly origin: 'store' | 'disk' }
  /** Its head advanced: the writer was alive between two looks at it. Comes with a new version too. */
  | { readonly kind: 'beat'; readonly cluster: ClusterId; readonly atMonotonicMs: number }
  /** What a store offers was refused; the last good stays whole. Over with the next `view` or `beat` of the cluster. */
  | {
      readonly kind: 'rejected';
      readonly cluster: ClusterId;
      readonly clause: string;
      readonly reason: string;
      readonly message: string;
      /** Name of the store that served it; absent for what was on disk. */
      readonly store?: string;
    }
  | { readonly kind: 'roster'; readonly roster: Roster; readonly origin: 'store' | 'disk' }
  | { readonly kind: 'rosterRefused'; readonly reason: string; readonly message: string }
  /** Undefined: over. */
  | { readonly kind: 'rosterWithheld'; readonly withheld: WithheldRoster | undefined }
  /** A verified roster says that the cluster is no active member: the only way a cluster is ever taken away. */
  | { readonly kind: 'withdrawn'; readonly cluster: ClusterId; readonly reason: string }
  /** The store may no longer hold what we published: for `Publisher.checkSoon`. */
  | { readonly kind: 'ownHeadDoubt' }
  /** A store answers after none did; with several stores, the first of them. */
  | { readonly kind: 'storeUp' }
  /** No store answers any more. */
  | { readonly kind: 'storeDown'; readonly message: string };
