import { IsthmusError } from '../../runtime/errors.ts';
import type { HeadOrder, SignedHead } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { RecordBytes, RecordKey, RecordSet } from '../model/records.ts';

/**
 * The store contract. The store is a lossy bulletin board that nobody trusts: it keeps bytes, fences writers and gives
 * hints. One conformance suite (`conformance.ts`) runs against every implementation.
 */
export interface Commit {
  readonly cluster: ClusterId;
  /** The order inside `head`, for fencing and the log; the store does not parse signed bytes. */
  readonly order: HeadOrder;
  readonly head: SignedHead;
  readonly puts: RecordSet;
  readonly deletes: readonly RecordKey[];
}

export interface StoredHead {
  readonly order: HeadOrder;
  readonly head: SignedHead;
}

export interface StoredCluster extends StoredHead {
  readonly records: RecordSet;
}

export type Changes =
  /** The log does not reach back to `after` (or the order is unknown here): read the whole cluster instead. */
  | { readonly kind: 'gone' }
  | {
      readonly kind: 'delta';
      readonly order: HeadOrder;
      readonly head: SignedHead;
      readonly puts: RecordSet;
      readonly deletes: readonly RecordKey[];
    };

/** A nudge that something may have changed. Losing every hint costs latency, never correctness. */
export type Hint =
  /** `head`: the head that caused the hint, where the source has it at hand, so that a beat costs no further call. */
  | { readonly kind: 'cluster'; readonly cluster: ClusterId; readonly head?: StoredHead | undefined }
  | { readonly kind: 'roster' }
  | { readonly kind: 'join' }
  /** The hint source was interrupted: anything may have changed. */
  | { readonly kind: 'gap' };

export interface StoredRoster {
  readonly version: number;
  readonly bytes: Uint8Array;
}

export interface JoinRequest {
  readonly tokenId: string;
  readonly bytes: Uint8Array;
}

export interface Lease {
  readonly holder: string;
  /** Grows with every change of holder: input of the fencing epoch. */
  readonly transitions: number;
  readonly expiresInMs: number;
}

export interface Store extends AsyncDisposable {
  /**
   * Atomic: all of it or nothing. Refused with `FencedError` when the stored head's (incarnation, epoch, writerId) is
   * higher than the commit's, with `StaleCommitError` when the version is not above the stored one of the same writer.
   */
  commit(commit: Commit): Promise<void>;
  /** Replaces the head by a newer beat of the same version; fenced like `commit`. */
  beat(cluster: ClusterId, beat: StoredHead): Promise<void>;
  read(cluster: ClusterId): Promise<StoredCluster | undefined>;
  /** What changed since `after`, as one squashed delta with the newest head. */
  changes(cluster: ClusterId, after: HeadOrder): Promise<Changes>;
  heads(): Promise<ReadonlyMap<ClusterId, StoredHead>>;
  roster(): Promise<StoredRoster | undefined>;
  /** Authority only. Refused with `StaleCommitError` unless `version` is above the stored one. */
  putRoster(roster: StoredRoster): Promise<void>;
  readonly join: JoinBoard;
  readonly lease: LeaseBoard;
  /**
   * Hints of everything that happens after the call, own writes included, until the signal fires. Ends only with the
   * signal (or the store's disposal); reconnects by itself and then yields `gap`. Waiting hints are coalesced.
   */
  watch(signal: AbortSignal): AsyncIterable<Hint>;
}

/** What a store server needs of the store it serves, beyond what it offers to others. */
export interface HostableStore extends Store {
  /** The credential under which a token was offered, while the board still holds the token. */
  credentialOf(tokenId: string): Promise<Uint8Array | undefined>;
}

/** Where a joiner and the authority exchange one request and one answer per token. Bytes are opaque and size-limited. */
export interface JoinBoard {
  /**
   * Authority: allows requests under this token until it expires. `credential` is sha256 of the token's store secret.
   * The same offer again is fine; another credential for the same token is refused (`JoinRefusedError`).
   */
  offer(offer: {
    readonly tokenId: string;
    readonly credential: Uint8Array;
    readonly expiresAtMs: number;
  }): Promise<void>;
  /** Joiner: posts its request once; a second, different one under the same token is refused (`JoinRefusedError`). */
  request(request: JoinRequest): Promise<void>;
  /** Authority: requests without an answer, by token. Judging their expiry is the authority's: only its clock counts. */
  pending(): Promise<readonly JoinRequest[]>;
  /** Authority: answers a request once; a token without request, or a second, different answer is refused. */
  answer(answer: JoinRequest): Promise<void>;
  /** Joiner: the answer, once there is one. Kept for `joinRetentionMs` beyond the token's expiry. */
  answerFor(tokenId: string): Promise<Uint8Array | undefined>;
}

export interface LeaseBoard {
  /**
   * The lease as it is after the attempt: `holder` says who won. Also renews the caller's own. The store's clock alone
   * judges expiry. A lease is no lock: a paused holder is fenced by the epoch in its commits.
   */
  acquire(name: string, holder: string, ttlMs: number): Promise<Lease>;
  release(name: string, holder: string): Promise<void>;
}

/** Limits that every store enforces before it keeps a byte. */
export const STORE_LIMITS = {
  recordBytesMax: 256 * 1024,
  commitBytesMax: 32 * 1024 * 1024,
  headBytesMax: 64 * 1024,
  rosterBytesMax: 4 * 1024 * 1024,
  joinBytesMax: 16 * 1024,
  /** The answer carries the roster too, in base64. */
  joinAnswerBytesMax: 6 * 1024 * 1024,
  joinsMax: 1_000,
  logVersionsMax: 256,
  logBytesMax: 1024 * 1024,
  /** Names of clusters, records, tokens, leases, holders, in octets. */
  nameBytesMax: 512,
  /** A cluster's records together: what one read may have to carry. */
  clusterBytesMax: 32 * 1024 * 1024,
  clusterRecordsMax: 16_000,
  clustersMax: 1_000,
  leasesMax: 2_000,
  leaseTtlMsMax: 60 * 60 * 1000,
  /** How long an expired token stays on the board, so that a slow joiner still finds its answer. */
  joinRetentionMs: 60 * 60 * 1000,
} as const;

export class StoreUnavailableError extends IsthmusError {
  constructor(message: string, details: { cause?: unknown; hint?: string; fields?: Record<string, unknown> } = {}) {
    super('store-unavailable', message, details);
  }
}

export class StoreRefusedError extends IsthmusError {
  constructor(message: string, details: { hint?: string; fields?: Record<string, unknown> } = {}) {
    super('store-refused', message, details);
  }
}

/** The file of an embedded store cannot be used as it is. It is never deleted or overwritten. */
export class StoreFileError extends IsthmusError {
  constructor(message: string, details: { cause?: unknown; hint: string; fields?: Record<string, unknown> }) {
    super('store-file', message, details);
  }
}

export class FencedError extends IsthmusError {
  readonly stored: HeadOrder;
  constructor(stored: HeadOrder) {
    super('fenced', 'a writer with a higher epoch has taken over', { fields: { stored } });
    this.stored = stored;
  }
}

export class StaleCommitError extends IsthmusError {
  constructor(message: string, fields: Record<string, unknown> = {}) {
    super('stale-commit', message, { fields });
  }
}

export class JoinRefusedError extends IsthmusError {
  constructor(message: string, hint?: string) {
    super('join-refused', message, hint === undefined ? {} : { hint });
  }
}

export class StoreLimitError extends IsthmusError {
  constructor(what: string, actual: number, max: number) {
    super('store-limit', `${what} is ${actual}, more than the limit of ${max}`, { fields: { what, actual, max } });
  }
}

export type { RecordBytes };
