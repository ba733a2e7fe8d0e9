import type { LeaseClaim } from './lease-object.ts';

/**
 * Whether a lease is over, judged by what one reader saw with its own monotonic clock: a renewal counts from the moment at
 * which it was *seen*, for as long as its writer asked for. The times inside the object are the clocks of other machines,
 * and are off by minutes where it hurts most. A reader that has just started therefore waits for one whole lease.
 */
export interface ObservedLease {
  readonly claim: LeaseClaim;
  /** Monotonic. When this renewal was seen first. */
  readonly seenAtMs: number;
}

/** @param nowMs monotonic, taken after the answer came */
export function observe(before: ObservedLease | undefined, claim: LeaseClaim, nowMs: number): ObservedLease {
  return before?.claim.renewal === claim.renewal ? before : { claim, seenAtMs: nowMs };
}

export function expiresAtMs({ claim, seenAtMs }: ObservedLease): number {
  return seenAtMs + claim.durationMs;
}

/** Whether `holder` may take it now. One that has vanished is held for as long as it would have been. */
export function isFree(observed: ObservedLease | undefined, holder: string, nowMs: number): boolean {
  if (observed === undefined || observed.claim.holder === undefined) return true;
  return observed.claim.holder === holder || nowMs >= expiresAtMs(observed);
}

/** Of the lease once `holder` has it: grows with every change of holder, and over a deletion of the object too. */
export function transitionsFor(observed: ObservedLease | undefined, holder: string): number {
  if (observed === undefined) return 1;
  return observed.claim.holder === holder ? Math.max(1, observed.claim.transitions) : observed.claim.transitions + 1;
}
