import { API_VERSION } from '../../sources/documents/validate.ts';

/**
 * The shape that all views share: list objects as `kubectl get -o json` prints them, stable and documented in
 * `docs/reference/cli.md`. Views are pure, sorted, and hold no secrets.
 */
export interface ListObject<Kind extends string, Item> {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: `${Kind}List`;
  readonly items: readonly Item[];
}

export interface Metadata {
  readonly name: string;
  /** Services and endpoints. */
  readonly namespace?: string;
}

export function listOf<Kind extends string, Item>(kind: Kind, items: readonly Item[]): ListObject<Kind, Item> {
  return { apiVersion: API_VERSION, kind: `${kind}List`, items };
}

/** Whole seconds since a monotonic time. */
export function secondsSince(sinceMs: number, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - sinceMs) / 1_000));
}
