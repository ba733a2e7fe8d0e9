import type { SignedHead } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { RecordSet } from '../model/records.ts';
import type { ClusterView } from '../model/state.ts';
import type { StoredHead } from '../store/contract.ts';

/** What goes into a replica of a remote cluster, and what comes of it. */

/** Verified state as it is kept on disk: exact bytes, and when they were accepted. */
export interface KeptCluster {
  readonly cluster: ClusterId;
  readonly signed: SignedHead;
  readonly records: RecordSet;
  /** ms since 1970. Certificates are judged at this time again: expiry of a signer must not empty a restart. */
  readonly acceptedAtMs: number;
}

/** A head from a hint or a poll. */
export interface HeadOffer {
  readonly stored: StoredHead;
  /** Place in the list of the store that serves it. Default: the first. */
  readonly from?: number | undefined;
  /** When the poll began, monotonic ms; absent for hints, which may be late, doubled and out of order. */
  readonly askedAtMs?: number | undefined;
}

export type ReplicaStep =
  /** Nothing new. */
  | { readonly kind: 'known' }
  /** There is news to fetch (`fetch`). */
  | { readonly kind: 'fetch' }
  /** `advanced`: newer than an earlier head of this process, so its writer was alive in between. */
  | { readonly kind: 'view'; readonly view: ClusterView; readonly kept: KeptCluster; readonly advanced: boolean }
  | { readonly kind: 'beat'; readonly view: ClusterView; readonly advanced: boolean }
  | RejectedStep;

export interface RejectedStep {
  readonly kind: 'rejected';
  readonly clause: string;
  readonly reason: string;
  readonly message: string;
  /** Name of the store that served it; absent for what was on disk. */
  readonly store?: string | undefined;
}
