import type { Liveness, LivenessVerdict } from './state.ts';

/**
 * The verdict on a peer, from how old its head is (by this reader's monotonic clock), whether this cluster's gateways
 * reach its gateways, and whether this cluster itself is the one cut off. The table is the rule: rows are tried in
 * order, the first that fits speaks. Only one row withdraws anything, and it needs both signals.
 */
export type HeadFreshness = 'fresh' | 'stale' | 'unknown';
export type ProbeResult = 'good' | 'bad' | 'unknown';

export interface LivenessInput {
  readonly head: HeadFreshness;
  /** How long the head has been stale; 0 when it is not. */
  readonly staleForMs: number;
  readonly probe: ProbeResult;
  /** How long the probe has been bad without a break; 0 when it is not. */
  readonly badForMs: number;
  /** The own store link is down, or most peers turned bad at once (`isIsolated`). */
  readonly isolated: boolean;
  readonly withdrawAfterMs: number;
  /** Monotonic. */
  readonly nowMs: number;
}

export interface LivenessRow {
  /** The `reason` of its verdicts. */
  readonly reason: string;
  readonly head: readonly HeadFreshness[];
  readonly probe: readonly ProbeResult[];
  readonly when?: (input: LivenessInput, previous: LivenessVerdict | undefined) => boolean;
  readonly verdict: LivenessVerdict;
  readonly message: string;
}

export const LIVENESS_TABLE: readonly LivenessRow[] = [
  {
    reason: 'HeadFreshAndGatewaysReached',
    head: ['fresh'],
    probe: ['good'],
    verdict: 'Live',
    message: 'its controller publishes and its gateways answer',
  },
  {
    // No gateway of ours yet, or it has just started: as with a good probe.
    reason: 'HeadFresh',
    head: ['fresh'],
    probe: ['unknown'],
    verdict: 'Live',
    message: 'its controller publishes; no gateway of ours has probed it yet',
  },
  {
    reason: 'HeadStale',
    head: ['stale', 'unknown'],
    probe: ['good'],
    verdict: 'Stale',
    message: 'its gateways answer but no new head has come: its records are kept',
  },
  {
    reason: 'HeadStaleAndUnprobed',
    head: ['stale', 'unknown'],
    probe: ['unknown'],
    verdict: 'Stale',
    message: 'no new head has come and no gateway of ours has probed it yet: its records are kept',
  },
  {
    reason: 'GatewaysUnreachable',
    head: ['fresh'],
    probe: ['bad'],
    verdict: 'Unreachable',
    message: 'its controller publishes but none of its gateways answers',
  },
  {
    // After our own restart the age of its head is unknown: silence that we have not listened to is no evidence.
    reason: 'GatewaysUnreachableHeadUnknown',
    head: ['unknown'],
    probe: ['bad'],
    verdict: 'Unreachable',
    message: 'none of its gateways answers; the age of its head is unknown since our start',
  },
  {
    reason: 'WaitingToWithdraw',
    head: ['stale'],
    probe: ['bad'],
    when: ({ staleForMs, badForMs, withdrawAfterMs }) => Math.min(staleForMs, badForMs) < withdrawAfterMs,
    verdict: 'Unreachable',
    message: 'no new head has come and none of its gateways answers, not yet long enough to withdraw it',
  },
  {
    // Nothing is withdrawn on our own account; what was withdrawn before stays so.
    reason: 'WeAreIsolated',
    head: ['stale'],
    probe: ['bad'],
    when: ({ isolated }, previous) => isolated && previous !== 'Gone',
    verdict: 'Unreachable',
    message: 'it seems gone, but so does much else: we are probably cut off ourselves and withdraw nothing',
  },
  {
    reason: 'HeadStaleAndGatewaysUnreachable',
    head: ['stale'],
    probe: ['bad'],
    verdict: 'Gone',
    message: 'no new head has come and none of its gateways answers: its endpoints are withdrawn, its records kept',
  },
];

/** What no row covers keeps everything. The table covers every case; a test says so. */
const UNJUDGED: Pick<LivenessRow, 'verdict' | 'reason' | 'message'> = {
  verdict: 'Stale',
  reason: 'Unjudged',
  message: 'no rule covers this case: its records are kept',
};

/** The same verdict for the same reason gives back `previous` itself. */
export function judge(
  input: LivenessInput,
  previous?: Liveness,
  table: readonly LivenessRow[] = LIVENESS_TABLE,
): Liveness {
  const row =
    table.find(
      (candidate) =>
        candidate.head.includes(input.head) &&
        candidate.probe.includes(input.probe) &&
        (candidate.when?.(input, previous?.verdict) ?? true),
    ) ?? UNJUDGED;
  if (previous?.verdict !== row.verdict) {
    return { verdict: row.verdict, reason: row.reason, message: row.message, sinceMs: input.nowMs };
  }
  if (previous.reason === row.reason) return previous;
  return { verdict: row.verdict, reason: row.reason, message: row.message, sinceMs: previous.sinceMs };
}

/** Peers that turn bad within this time turned bad "at once": two active checks of the gateways and their report. */
export const AT_ONCE_MS = 5_000;
/** With one peer, its death and our isolation look alike through the probe; then only the store link tells. */
const PEERS_FOR_MAJORITY_MIN = 2;

export interface IsolationEvidence {
  readonly storeLinkUp: boolean;
  readonly peersBad: number;
  readonly peersTotal: number;
  /** Time between the first and the last of the bad peers turning bad. */
  readonly turnedBadWithinMs: number;
}

/** Whether this cluster is rather the one that is cut off. */
export function isIsolated(evidence: IsolationEvidence): boolean {
  if (!evidence.storeLinkUp) return true;
  const isMajority = evidence.peersTotal >= PEERS_FOR_MAJORITY_MIN && evidence.peersBad * 2 > evidence.peersTotal;
  return isMajority && evidence.turnedBadWithinMs <= AT_ONCE_MS;
}
