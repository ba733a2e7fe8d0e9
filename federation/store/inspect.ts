import type { JoinEntry } from './join-rules.ts';

/**
 * What is on a store's boards, for people who look at it (`isthmus store dump`). Beside the contract, because no part of
 * the control plane may depend on it, and a store server shows it to nobody. No secrets are in it: of a token its id,
 * which names it and opens nothing.
 */
export interface StoreBoards {
  /** Sorted by token; absent where the login may not read them. */
  readonly joins?: readonly JoinListing[] | undefined;
  /** Sorted by name. */
  readonly leases: readonly LeaseListing[];
}

export interface JoinListing {
  readonly tokenId: string;
  readonly state: 'offered' | 'requested' | 'answered';
  readonly expiresAtMs: number;
}

export interface LeaseListing {
  readonly name: string;
  readonly holder: string;
  readonly transitions: number;
  /** By the store's clock; 0 or less: nobody holds it. */
  readonly expiresInMs: number;
  /** Why nothing can be said of it; then nobody holds it. */
  readonly problem?: string | undefined;
}

export interface InspectableStore {
  boards(): Promise<StoreBoards>;
}

/** Not every store can be looked into. */
export function canInspect(store: object): store is InspectableStore {
  return 'boards' in store && typeof store.boards === 'function';
}

export function listJoin({ tokenId, expiresAtMs, request, answer }: JoinEntry): JoinListing {
  const asked = request === undefined ? 'offered' : 'requested';
  return { tokenId, state: answer === undefined ? asked : 'answered', expiresAtMs };
}
