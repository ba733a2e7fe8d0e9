/**
 * Flap damping as a value (after RFC 2439): each time a peer turns bad costs a penalty that halves with time. Above
 * the upper bound the peer stays on standby however good it looks, until the penalty has decayed below the lower one.
 * A cluster that comes and goes every two seconds costs a handful of changes, not one every two seconds for ever.
 */
export interface FlapState {
  readonly penalty: number;
  readonly atMs: number;
  readonly suppressed: boolean;
}

export interface FlapLimits {
  readonly halfLifeMs: number;
  readonly suppressAbove: number;
  readonly reuseBelow: number;
  /** A ceiling bounds how long a peer that has settled must wait: log2(max / reuse) half lives. */
  readonly penaltyMax: number;
}

const PENALTY_PER_FLAP = 1_000;

/** Three quick flaps are an unlucky restart, a fourth within half a minute is a pattern; at most 60 s of waiting after it. */
export const DEFAULT_FLAP_LIMITS: FlapLimits = {
  halfLifeMs: 30_000,
  suppressAbove: 3_200,
  reuseBelow: 1_500,
  penaltyMax: 6_000,
};

export function calmFlaps(atMs: number): FlapState {
  return { penalty: 0, atMs, suppressed: false };
}

/** `turnedBad` adds a penalty, `time` only lets it decay. */
export function dampFlaps(
  state: FlapState,
  event: { readonly kind: 'turnedBad' | 'time'; readonly atMs: number },
  limits: FlapLimits = DEFAULT_FLAP_LIMITS,
): FlapState {
  const elapsedMs = Math.max(0, event.atMs - state.atMs);
  const decayed = state.penalty * 2 ** (-elapsedMs / limits.halfLifeMs);
  const penalty = Math.min(limits.penaltyMax, decayed + (event.kind === 'turnedBad' ? PENALTY_PER_FLAP : 0));
  const suppressed = state.suppressed ? penalty >= limits.reuseBelow : penalty > limits.suppressAbove;
  return { penalty, atMs: Math.max(state.atMs, event.atMs), suppressed };
}

/** When a suppressed peer may be used again if it stays good. */
export function reuseAtMs(state: FlapState, limits: FlapLimits = DEFAULT_FLAP_LIMITS): number {
  if (!state.suppressed) return state.atMs;
  return state.atMs + limits.halfLifeMs * Math.max(0, Math.log2(state.penalty / limits.reuseBelow));
}
