import type { ClusterId } from '../federation/model/ids.ts';

/**
 * The values that trust/ hands to the rest: the roster (the authority's signed list of members) and the outcome of a
 * verification. Functions are in the file named for them (`keys.ts`, `certificates.ts`, `verify.ts`, `roster.ts`, ...).
 */
export type MemberStatus = 'active' | 'quarantined' | 'removed';

export interface RosterMember {
  readonly cluster: ClusterId;
  /** Grows each time the cluster joins anew; a new one resets the high-water marks. */
  readonly incarnation: number;
  readonly trustDomain: string;
  /** The cluster's CA certificates, DER in base64: current, and the next while a rotation is open. */
  readonly caCertificates: readonly string[];
  readonly status: MemberStatus;
  readonly joinedAtMs: number;
  /** Absent: every namespace. */
  readonly exportableNamespaces?: readonly string[] | undefined;
  /** Absent: `DEFAULT_RECORD_LIMITS`. */
  readonly servicesMax?: number | undefined;
  /** CIDRs that its gateway addresses must lie in. Absent: any address the never-list lets through. */
  readonly gatewayRanges?: readonly string[] | undefined;
}

export interface Roster {
  readonly schema: number;
  readonly clustersetDomain: string;
  /** Grows by one with every change. */
  readonly version: number;
  /** A clusterset made with `--dev` may use loopback gateway addresses. */
  readonly dev: boolean;
  readonly issuedAtMs: number;
  /** DER in base64, newest first; each signed by its predecessor or self-signed when it is the first. */
  readonly roots: readonly string[];
  /** Sorted by cluster. */
  readonly members: readonly RosterMember[];
}

/** The outcome of every check in this folder: a reason that status, events and CLI print alike. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly message: string };
