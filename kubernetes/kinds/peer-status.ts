import type { DesiredStatus } from '../apply/desired.ts';
import { condition, type ConditionText } from './conditions.ts';
import { STATUS_LIMITS } from './status-schema.ts';

/** One other cluster as this one sees it. */
export interface PeerStatusInput {
  readonly generation: number | undefined;
  readonly membership: 'active' | 'quarantined';
  /** `Unknown`: nothing valid was ever heard of it. */
  readonly verdict: 'Live' | 'Stale' | 'Unreachable' | 'Gone' | 'Unknown';
  /** Stable word of the verdict, e.g. `HeadStale`. */
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly since?: string | undefined;
  /** Whether it gets traffic from here when it is its turn. */
  readonly serving: boolean;
  readonly network?: string | undefined;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly softwareVersion?: string | undefined;
  /** `HOST:PORT`, each address of each gateway. */
  readonly addresses: readonly string[];
  readonly gateways: number;
  readonly services: number;
  readonly head?: { readonly incarnation: number; readonly epoch: number } | undefined;
  /** Why its newest news is not used. */
  readonly rejected?: string | undefined;
}

export function peerStatus(input: PeerStatusInput): DesiredStatus {
  const { membership, verdict, since, network, region, zone, softwareVersion, addresses, head } = input;
  return {
    fields: {
      verdict: membership === 'quarantined' ? 'Quarantined' : verdict,
      ...given({ since, network, region, zone, softwareVersion, head }),
      gateways: addresses.slice(0, STATUS_LIMITS.addressesMax),
      gatewayCount: input.gateways,
      services: input.services,
    },
    conditions: [
      condition('Accepted', acceptedOf(input), input.generation),
      condition('Ready', readyOf(input), input.generation),
    ],
  };
}

function given(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function acceptedOf({ membership, rejected, verdict }: PeerStatusInput): ConditionText {
  if (membership === 'quarantined') {
    return { status: 'False', reason: 'Quarantined', message: 'the authority has cut it off' };
  }
  if (rejected !== undefined) {
    return { status: 'False', reason: 'Rejected', message: `${rejected}; its last good records stay in force` };
  }
  if (verdict === 'Unknown') {
    return { status: 'Unknown', reason: 'NothingHeard', message: 'no valid records of it have arrived' };
  }
  return { status: 'True', reason: 'Accepted', message: 'its newest records are in force' };
}

function readyOf({ membership, verdict, reason, message, serving }: PeerStatusInput): ConditionText {
  if (membership === 'quarantined') return { status: 'False', reason: 'Quarantined', message: 'it gets no traffic' };
  if (verdict === 'Unknown') return { status: 'Unknown', reason, message };
  if (serving) return { status: 'True', reason, message };
  // Reached and heard again, but not for long enough.
  const isHeldBack = verdict === 'Live' || verdict === 'Stale';
  return { status: 'False', reason: isHeldBack ? 'HeldBack' : reason, message };
}
