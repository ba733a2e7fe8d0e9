import type { ClusterId } from './ids.ts';
import { compareText } from './ids.ts';

/**
 * One signed head per version covers all records of a cluster. A beat is the same version signed again with a higher
 * `beat`, so that readers can tell a living writer from a pinned store.
 */
export const HEAD_SCHEMA = 1;

export interface HeadOrder {
  /** A cluster's life since it last joined. Given by the roster; a new one resets the marks. */
  readonly incarnation: number;
  /** Fencing number of the writer. */
  readonly epoch: number;
  readonly writerId: string;
  /** Never resets within an incarnation. */
  readonly version: number;
  readonly beat: number;
}

export interface Head extends HeadOrder {
  readonly schema: number;
  readonly cluster: ClusterId;
  /** Hex sha256 over the 256 bucket hashes of the record set (`digest.ts`). */
  readonly digest: string;
  /** Newest roster version the writer has seen. */
  readonly rosterSeen: number;
  /** Acknowledgements of open barriers only. */
  readonly acks: Readonly<Record<string, string>>;
  readonly issuedAtMs: number;
}

/** What the store holds: the exact signed bytes, the signature over them, and which chain record vouches for the signer. */
export interface SignedHead {
  /** JSON of `Head` as its writer wrote it. */
  readonly bytes: Uint8Array;
  /** ECDSA P-256 with SHA-256 in raw 64-octet form over the domain-separating prefix and `bytes`. */
  readonly signature: Uint8Array;
  /** Hex sha256 of the `chain/...` record's bytes. */
  readonly signerChain: string;
}

/** Negative: `left` is older. Beats count last, so a new beat of the same version is newer. */
export function compareHeadOrder(left: HeadOrder, right: HeadOrder): number {
  return (
    left.incarnation - right.incarnation ||
    left.epoch - right.epoch ||
    compareText(left.writerId, right.writerId) ||
    left.version - right.version ||
    left.beat - right.beat
  );
}

/** True when both name the same set of records: everything but the beat is equal. */
export function isSameVersion(left: HeadOrder, right: HeadOrder): boolean {
  return (
    left.version === right.version &&
    left.epoch === right.epoch &&
    left.incarnation === right.incarnation &&
    left.writerId === right.writerId
  );
}
