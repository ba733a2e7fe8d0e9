import type { Lease } from '../../federation/store/contract.ts';
import { assertNever } from '../../runtime/errors.ts';

/**
 * Who of a site's replicas leads, as one of them knows it. Pure: what the lease board said and how much time went by, in
 * the monotonic clock of this process. Three rules:
 *
 * - A lease is counted from before it was asked for, so it ends here before it can be anybody else's.
 * - Unknown is not follower. A replica follows when it *heard* that another one holds the lease; while nobody answers, it
 *   serves the gateways that come to it, and only what needs the lease (writing) rests.
 * - A process that slept does not know how long. Only an attempt that began after the lease ran out tells a dark store
 *   from a nap, so a leader that wakes up takes on no new gateway before it has asked.
 */
export type Leadership =
  /** Nobody answers. Serves, does not write. */
  | { readonly kind: 'unknown'; readonly sinceMs: number; readonly message: string }
  /** May write until `writesUntilMs`. A new `term` needs a new epoch. */
  | {
      readonly kind: 'leader';
      readonly sinceMs: number;
      readonly term: number;
      readonly transitions: number;
      readonly writesUntilMs: number;
    }
  /** Led until `sinceMs` and has not been able to ask since. Keeps its gateways, takes on no other, does not write. */
  | { readonly kind: 'lapsed'; readonly sinceMs: number }
  /** Another one holds the lease, until `heldUntilMs` at least. */
  | {
      readonly kind: 'follower';
      readonly sinceMs: number;
      readonly of: string;
      readonly transitions: number;
      readonly heldUntilMs: number;
    };

export interface Leading {
  readonly leadership: Leadership;
  /** Terms of this process so far. */
  readonly terms: number;
}

export type LeaseNews =
  | { readonly kind: 'answer'; readonly lease: Lease; readonly askedAtMs: number; readonly nowMs: number }
  | { readonly kind: 'failure'; readonly message: string; readonly askedAtMs: number; readonly nowMs: number }
  | { readonly kind: 'time'; readonly nowMs: number }
  /** A writer with a higher epoch was met while this one led. */
  | { readonly kind: 'fenced'; readonly nowMs: number };

export interface LeaseTerms {
  /** As this replica calls itself on the board. */
  readonly holder: string;
  readonly ttlMs: number;
  /** Writing ends this long before the lease does: two clocks do not run alike, and a write under way takes its time. */
  readonly marginMs: number;
}

export function beginning(nowMs: number): Leading {
  return { leadership: { kind: 'unknown', sinceMs: nowMs, message: 'the lease was not asked for yet' }, terms: 0 };
}

export function step(before: Leading, news: LeaseNews, terms: LeaseTerms): Leading {
  const present = { ...before, leadership: lapse(before.leadership, news.nowMs) };
  switch (news.kind) {
    case 'time':
      return present.leadership === before.leadership ? before : present;
    case 'failure':
      return { ...present, leadership: unanswered(present.leadership, news) };
    case 'fenced':
      return present.leadership.kind === 'leader'
        ? { ...present, leadership: { kind: 'lapsed', sinceMs: news.nowMs } }
        : present;
    case 'answer':
      return news.lease.holder === terms.holder ? held(present, news, terms) : followed(present, news);
    default:
      return assertNever(news);
  }
}

/** Whether a write may begin now. */
export function mayWrite(leadership: Leadership, nowMs: number): boolean {
  return leadership.kind === 'leader' && nowMs < leadership.writesUntilMs;
}

/** Which gateways are served: all that come, those that are there, or none. */
export function serves(leadership: Leadership): 'all' | 'attached' | 'none' {
  switch (leadership.kind) {
    case 'leader':
    case 'unknown':
      return 'all';
    case 'lapsed':
      return 'attached';
    case 'follower':
      return 'none';
    default:
      return assertNever(leadership);
  }
}

type Answer = Extract<LeaseNews, { kind: 'answer' }>;

function held(before: Leading, { lease, askedAtMs, nowMs }: Answer, { ttlMs, marginMs }: LeaseTerms): Leading {
  const writesUntilMs = askedAtMs + ttlMs - marginMs;
  const { transitions } = lease;
  const { leadership } = before;
  // The answer took longer than the lease lasts: it is news of the past.
  if (writesUntilMs <= nowMs) return { ...before, leadership: { kind: 'lapsed', sinceMs: writesUntilMs } };
  const goesOn = leadership.kind === 'leader' && leadership.transitions === transitions;
  if (goesOn) return { ...before, leadership: { ...leadership, writesUntilMs } };
  const term = before.terms + 1;
  return { leadership: { kind: 'leader', sinceMs: nowMs, term, transitions, writesUntilMs }, terms: term };
}

function followed(before: Leading, { lease, nowMs }: Answer): Leading {
  const { holder: of, transitions, expiresInMs } = lease;
  const { leadership } = before;
  const same = leadership.kind === 'follower' && leadership.of === of && leadership.transitions === transitions;
  const sinceMs = same ? leadership.sinceMs : nowMs;
  return { ...before, leadership: { kind: 'follower', sinceMs, of, transitions, heldUntilMs: nowMs + expiresInMs } };
}

function lapse(leadership: Leadership, nowMs: number): Leadership {
  if (leadership.kind !== 'leader' || nowMs < leadership.writesUntilMs) return leadership;
  return { kind: 'lapsed', sinceMs: leadership.writesUntilMs };
}

function unanswered(
  leadership: Leadership,
  { message, askedAtMs, nowMs }: Extract<LeaseNews, { kind: 'failure' }>,
): Leadership {
  switch (leadership.kind) {
    case 'leader':
      return leadership;
    case 'lapsed':
      return askedAtMs < leadership.sinceMs ? leadership : { kind: 'unknown', sinceMs: leadership.sinceMs, message };
    case 'follower':
      return askedAtMs < leadership.heldUntilMs ? leadership : { kind: 'unknown', sinceMs: nowMs, message };
    case 'unknown':
      return leadership.message === message ? leadership : { ...leadership, message };
    default:
      return assertNever(leadership);
  }
}
