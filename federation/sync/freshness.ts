/**
 * Whether a cluster's writer is alive, as its heads tell: by the receiver's monotonic clock since the last *advance* it
 * saw itself. A replayed or pinned head never advances, so a store that hides news shows as staleness. The writer's own
 * clock plays no part. What a receiver has not seen advance (just started, or only read once) is unknown: the head
 * may be a second or a month old.
 */
export const HEAD_FRESH_MS = 9_000;

export interface HeadFreshness {
  /** Monotonic ms of the last advance; absent until there was one. */
  readonly lastAdvanceMs?: number | undefined;
}

export const NEVER_ADVANCED: HeadFreshness = {};

export function headAdvanced(atMonotonicMs: number): HeadFreshness {
  return { lastAdvanceMs: atMonotonicMs };
}

export interface HeadAge {
  readonly head: 'fresh' | 'stale' | 'unknown';
  /** How long it has been stale; 0 unless it is. */
  readonly staleForMs: number;
}

export function headAge(freshness: HeadFreshness, nowMonotonicMs: number): HeadAge {
  if (freshness.lastAdvanceMs === undefined) return { head: 'unknown', staleForMs: 0 };
  const staleForMs = nowMonotonicMs - freshness.lastAdvanceMs - HEAD_FRESH_MS;
  return staleForMs < 0 ? { head: 'fresh', staleForMs: 0 } : { head: 'stale', staleForMs };
}

/** When `headAge` will next change by itself, monotonic ms; absent when only an advance can change it. */
export function becomesStaleAtMs(freshness: HeadFreshness): number | undefined {
  return freshness.lastAdvanceMs === undefined ? undefined : freshness.lastAdvanceMs + HEAD_FRESH_MS;
}
