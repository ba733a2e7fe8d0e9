import type { Lease } from './contract.ts';
import { STORE_LIMITS, StoreRefusedError } from './contract.ts';
import { atMost, checkName } from './limits.ts';

/** A lease as a value, and the two things that can happen to it. Times are the store's own, in ms of any one clock. */
export interface LeaseEntry {
  /** Empty: released. Kept then too, because `transitions` must go on growing. */
  readonly holder: string;
  readonly transitions: number;
  readonly expiresAtMs: number;
}

const RELEASED = '';

export function acquireLease(
  existing: LeaseEntry | undefined,
  attempt: { readonly name: string; readonly holder: string; readonly ttlMs: number },
  nowMs: number,
): LeaseEntry {
  checkName('lease name', attempt.name);
  checkName('lease holder', attempt.holder);
  if (!(attempt.ttlMs > 0)) throw new StoreRefusedError('the duration of a lease is not above 0');
  atMost('duration of a lease in ms', attempt.ttlMs, STORE_LIMITS.leaseTtlMsMax);
  const expiresAtMs = nowMs + attempt.ttlMs;
  if (existing === undefined) return { holder: attempt.holder, transitions: 1, expiresAtMs };
  // A late renewal by the last holder is no change of holder: nobody else can have acted in between.
  if (existing.holder === attempt.holder) return { ...existing, expiresAtMs };
  if (existing.holder !== RELEASED && nowMs < existing.expiresAtMs) return existing;
  return { holder: attempt.holder, transitions: existing.transitions + 1, expiresAtMs };
}

export function releaseLease(existing: LeaseEntry | undefined, holder: string): LeaseEntry | undefined {
  if (existing === undefined || existing.holder !== holder) return existing;
  return { ...existing, holder: RELEASED };
}

export function describeLease(entry: LeaseEntry, nowMs: number): Lease {
  return {
    holder: entry.holder,
    transitions: entry.transitions,
    expiresInMs: Math.max(0, entry.expiresAtMs - nowMs),
  };
}
