import { assertNever } from '../../runtime/errors.ts';
import type { FlapState } from './flap-damping.ts';
import { calmFlaps, dampFlaps, reuseAtMs } from './flap-damping.ts';
import type { HeadFreshness, IsolationEvidence, LivenessInput, ProbeResult } from './liveness.ts';
import { judge } from './liveness.ts';
import type { ClusterView, Liveness, PeerState } from './state.ts';

/**
 * What is known of one peer's health, as a state machine: `step(state, event) -> state`. All times are monotonic and
 * come with the events. `nextDueMs` says when time alone may change the verdict.
 */
export interface HealthSettings {
  /** Soft-stale: three missed beats of 3 s. */
  readonly staleAfterMs: number;
  readonly withdrawAfterMs: number;
  /** How long a peer must have been good before traffic moves back to it. */
  readonly failBackAfterMs: number;
}

export const DEFAULT_HEALTH_SETTINGS: HealthSettings = {
  staleAfterMs: 9_000,
  withdrawAfterMs: 10_000,
  failBackAfterMs: 30_000,
};

/** Agents report at least every 5 s; one that missed three reports no longer has an opinion. */
export const PROBE_REPORT_AGE_MS_MAX = 15_000;

/** A gateway of ours that has just started reports every peer as bad until its first checks have run. */
export const FIRST_CHECKS_MS = 5_000;

export type PeerEvent =
  /** The peer's head advanced: a new version or a new beat was accepted. */
  | { readonly kind: 'head'; readonly atMs: number }
  /** One of our gateways tells how many of the peer's gateways it reaches; `total` 0 means it has none to try. */
  | {
      readonly kind: 'probe';
      readonly gateway: string;
      readonly healthy: number;
      readonly total: number;
      readonly atMs: number;
    }
  | { readonly kind: 'isolation'; readonly isolated: boolean; readonly atMs: number }
  | { readonly kind: 'tick'; readonly atMs: number };

interface ProbeReport {
  readonly result: ProbeResult;
  readonly atMs: number;
}

export interface PeerHealth {
  readonly settings: HealthSettings;
  /** `undefined` since our start: the age is unknown. */
  readonly headAtMs: number | undefined;
  readonly reports: ReadonlyMap<string, ProbeReport>;
  readonly probe: ProbeResult;
  readonly probeSinceMs: number;
  /** A gateway of ours has reached it since our start. */
  readonly everGood: boolean;
  readonly isolated: boolean;
  /** When our last isolation ended: silence counts from then on, what came before was about ourselves. */
  readonly listeningSinceMs: number;
  readonly flaps: FlapState;
  readonly liveness: Liveness;
  /** When it came up again after it had been demoted; `undefined` when it has not been. */
  readonly goodAgainSinceMs: number | undefined;
  /** See `PeerState.serving`. */
  readonly serving: boolean;
}

/** After a start nothing is known, and unknown keeps everything: Stale, serving. */
export function startPeerHealth(nowMs: number, settings: HealthSettings = DEFAULT_HEALTH_SETTINGS): PeerHealth {
  const measured: Measured = {
    settings,
    headAtMs: undefined,
    probe: 'unknown',
    probeSinceMs: nowMs,
    isolated: false,
    listeningSinceMs: nowMs,
  };
  return {
    ...measured,
    reports: new Map(),
    everGood: false,
    flaps: calmFlaps(nowMs),
    liveness: judge(inputOf(measured, nowMs)),
    goodAgainSinceMs: undefined,
    serving: true,
  };
}

/** An event that changes nothing but the passage of time keeps `liveness` identical. */
export function step(state: PeerHealth, event: PeerEvent): PeerHealth {
  switch (event.kind) {
    case 'head':
      return settle({ ...state, headAtMs: event.atMs }, event.atMs);
    case 'probe':
      return settle({ ...state, reports: withReport(state.reports, event) }, event.atMs);
    case 'isolation':
      return settle(withIsolation(state, event), event.atMs);
    case 'tick':
      return settle(state, event.atMs);
    default:
      return assertNever(event);
  }
}

function withReport(
  reports: PeerHealth['reports'],
  event: Extract<PeerEvent, { kind: 'probe' }>,
): PeerHealth['reports'] {
  const result = event.total === 0 ? 'unknown' : event.healthy > 0 ? 'good' : 'bad';
  return new Map(reports).set(event.gateway, { result, atMs: event.atMs });
}

function withIsolation(state: PeerHealth, event: Extract<PeerEvent, { kind: 'isolation' }>): PeerHealth {
  const listeningSinceMs = state.isolated && !event.isolated ? event.atMs : state.listeningSinceMs;
  return { ...state, isolated: event.isolated, listeningSinceMs };
}

function settle(state: PeerHealth, nowMs: number): PeerHealth {
  const reports = dropOld(state.reports, nowMs);
  const probe = combine(reports);
  const turnedBad = probe === 'bad' && state.probe === 'good';
  const probeSinceMs = probe === state.probe ? state.probeSinceMs : nowMs;
  const flaps = dampFlaps(state.flaps, { kind: turnedBad ? 'turnedBad' : 'time', atMs: nowMs });
  const everGood = state.everGood || probe === 'good';
  const next = { ...state, reports, probe, probeSinceMs, everGood, flaps };
  const liveness = judge(inputOf(next, nowMs), state.liveness);
  const goodAgainSinceMs = nextGoodAgain(state, liveness, nowMs);
  return { ...next, liveness, goodAgainSinceMs, serving: isServing({ ...next, liveness, goodAgainSinceMs }, nowMs) };
}

function dropOld(reports: PeerHealth['reports'], nowMs: number): PeerHealth['reports'] {
  const fresh = [...reports].filter(([, report]) => nowMs - report.atMs < PROBE_REPORT_AGE_MS_MAX);
  return fresh.length === reports.size ? reports : new Map(fresh);
}

/** One of our gateways that gets through is enough; bad needs all that have an opinion. */
function combine(reports: PeerHealth['reports']): ProbeResult {
  const results = [...reports.values()].map((report) => report.result);
  if (results.includes('good')) return 'good';
  return results.includes('bad') ? 'bad' : 'unknown';
}

function isUp(liveness: Liveness): boolean {
  return liveness.verdict === 'Live' || liveness.verdict === 'Stale';
}

/** The hold begins when the peer comes up again after it was demoted: traffic left it then, and must not rush back. */
function nextGoodAgain(before: PeerHealth, liveness: Liveness, nowMs: number): number | undefined {
  if (!isUp(liveness)) return undefined;
  if (isUp(before.liveness)) return before.goodAgainSinceMs;
  return before.serving ? undefined : nowMs;
}

function isServing(state: Omit<PeerHealth, 'serving'>, nowMs: number): boolean {
  const { liveness, settings, flaps, goodAgainSinceMs } = state;
  if (!isUp(liveness)) return isExcused(state, nowMs);
  if (flaps.suppressed) return false;
  return goodAgainSinceMs === undefined || nowMs - goodAgainSinceMs >= settings.failBackAfterMs;
}

/** Down by the table, and yet no reason to demote it: what we measure is about ourselves, or not measured yet. */
function isExcused(state: Omit<PeerHealth, 'serving'>, nowMs: number): boolean {
  const { isolated, everGood, probeSinceMs, listeningSinceMs } = state;
  if (state.liveness.verdict === 'Gone') return false;
  if (isolated) return true;
  const isUntried = !everGood || probeSinceMs < listeningSinceMs;
  return isUntried && nowMs - Math.max(probeSinceMs, listeningSinceMs) < FIRST_CHECKS_MS;
}

type Measured = Pick<PeerHealth, 'settings' | 'headAtMs' | 'probe' | 'probeSinceMs' | 'isolated' | 'listeningSinceMs'>;

function inputOf(state: Measured, nowMs: number): LivenessInput {
  const { settings, headAtMs, probe, probeSinceMs, isolated, listeningSinceMs } = state;
  const isStale = headAtMs !== undefined && nowMs - headAtMs >= settings.staleAfterMs;
  const head: HeadFreshness = headAtMs === undefined ? 'unknown' : isStale ? 'stale' : 'fresh';
  const staleSinceMs = Math.max((headAtMs ?? nowMs) + settings.staleAfterMs, listeningSinceMs);
  return {
    head,
    staleForMs: head === 'stale' ? nowMs - staleSinceMs : 0,
    probe,
    badForMs: probe === 'bad' ? nowMs - Math.max(probeSinceMs, listeningSinceMs) : 0,
    isolated,
    withdrawAfterMs: settings.withdrawAfterMs,
    nowMs,
  };
}

/** The next moment at which a `tick` may change something; `undefined` when only news can. */
export function nextDueMs(state: PeerHealth, nowMs: number): number | undefined {
  const { settings, headAtMs, probe, probeSinceMs, listeningSinceMs, goodAgainSinceMs, flaps } = state;
  const dues = [...state.reports.values()].map((report) => report.atMs + PROBE_REPORT_AGE_MS_MAX);
  if (headAtMs !== undefined) {
    const staleAtMs = headAtMs + settings.staleAfterMs;
    dues.push(staleAtMs, Math.max(staleAtMs, listeningSinceMs) + settings.withdrawAfterMs);
  }
  if (probe === 'bad') {
    const badSinceMs = Math.max(probeSinceMs, listeningSinceMs);
    dues.push(badSinceMs + FIRST_CHECKS_MS, badSinceMs + settings.withdrawAfterMs);
  }
  if (goodAgainSinceMs !== undefined) dues.push(goodAgainSinceMs + settings.failBackAfterMs);
  if (flaps.suppressed) dues.push(reuseAtMs(flaps) + 1);
  const later = dues.filter((due) => due > nowMs);
  return later.length === 0 ? undefined : Math.min(...later);
}

/** What the merge needs of it. The same view, verdict and role give back `previous` itself. */
export function peerStateOf(view: ClusterView, health: PeerHealth, previous?: PeerState): PeerState {
  const { liveness, serving } = health;
  const isSame = previous?.view === view && previous.liveness === liveness && previous.serving === serving;
  return isSame ? previous : { view, liveness, serving };
}

/**
 * What `isIsolated` asks of all peers together. The time is the shortest in which a majority of them turned bad, so that
 * a further peer that dies much later does not hide that the others went at once.
 */
export function isolationEvidence(peers: Iterable<PeerHealth>, storeLinkUp: boolean): IsolationEvidence {
  const all = [...peers];
  const turnedBadAtMs = all
    .filter((peer) => peer.probe === 'bad')
    .map((peer) => peer.probeSinceMs)
    .sort((left, right) => left - right);
  const majority = Math.floor(all.length / 2) + 1;
  const spans = turnedBadAtMs.slice(majority - 1).map((lastMs, index) => lastMs - (turnedBadAtMs[index] ?? lastMs));
  return {
    storeLinkUp,
    peersBad: turnedBadAtMs.length,
    peersTotal: all.length,
    turnedBadWithinMs: spans.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...spans),
  };
}
