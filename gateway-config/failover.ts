/**
 * Failover order of a service's remote clusters: the nearest place first (own pods come before all of this), those
 * that are on standby last. Clusters that are known to be gone are not handed in at all.
 */
import type { ClusterId, NetworkId } from '../federation/model/ids.ts';
import { compareText } from '../federation/model/ids.ts';
import type { WeightedPeer } from './ir.ts';

export interface Place {
  readonly network: NetworkId;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
}

export interface Candidate extends Place {
  readonly cluster: ClusterId;
  /** Ready endpoints behind the port; 0 is left out. */
  readonly ready: number;
  /** Unreachable, or back but not yet trusted: tried when nothing else is left. */
  readonly standby?: true | undefined;
}

/**
 * Envoy adds the weights of one choice up in 32 bits beside the 4e9 of the local backends. With at most 1,000 members
 * this bound keeps the sum below 2^32, whatever a peer claims.
 */
export const PEER_WEIGHT_MAX = 100_000;

/** In the order of trying. */
const RANKS = ['zone', 'region', 'network', 'other', 'standby'] as const;
type Rank = (typeof RANKS)[number];

export function planTiers(site: Place, candidates: readonly Candidate[]): readonly (readonly WeightedPeer[])[] {
  const usable = candidates
    .filter((candidate) => candidate.ready > 0)
    .sort((left, right) => compareText(left.cluster, right.cluster));
  return RANKS.map((rank) => usable.filter((candidate) => rankOf(site, candidate) === rank).map(weigh)).filter(
    (tier) => tier.length > 0,
  );
}

function weigh(candidate: Candidate): WeightedPeer {
  return { cluster: candidate.cluster, weight: Math.min(candidate.ready, PEER_WEIGHT_MAX) };
}

/** A zone's name is unique within its region only, so the same zone needs the same region. An unnamed place is near to nobody. */
function rankOf(site: Place, other: Candidate): Rank {
  if (other.standby === true) return 'standby';
  const sameRegion = site.region === other.region;
  if (site.zone !== undefined && site.zone === other.zone && sameRegion) return 'zone';
  if (site.region !== undefined && sameRegion) return 'region';
  return site.network === other.network ? 'network' : 'other';
}
