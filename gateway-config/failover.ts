/**
 * Failover order of a service's clusters: explicit where a policy says so, else the nearest first; those on standby last.
 * Clusters that are known to be gone are not handed in at all.
 */
import type { FailoverOrder, FailoverPlace } from '../federation/model/failover-order.ts';
import type { ClusterId, NetworkId } from '../federation/model/ids.ts';
import { compareText } from '../federation/model/ids.ts';
import { assertNever } from '../runtime/errors.ts';
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

/** Where the caller is. */
export interface Home extends Place {
  readonly cluster: ClusterId;
}

type Tier = readonly WeightedPeer[];

export interface FailoverPlan {
  readonly tiers: readonly Tier[];
  /** How many tiers come before the own endpoints. Absent: none. */
  readonly localAfter?: number;
}

/**
 * Envoy adds the weights of one choice up in 32 bits beside the 4e9 of the local backends. With at most 1,000 members
 * this bound keeps the sum below 2^32, whatever a peer claims.
 */
export const PEER_WEIGHT_MAX = 100_000;

/** In the order of trying. */
const RANKS = ['zone', 'region', 'network', 'other'] as const;
type Rank = (typeof RANKS)[number];

export function planFailover(home: Home, candidates: readonly Candidate[], order?: FailoverOrder): FailoverPlan {
  const usable = candidates
    .filter((candidate) => candidate.ready > 0)
    .sort((left, right) => compareText(left.cluster, right.cluster));
  const serving = usable.filter(({ standby }) => standby !== true);
  const standby = usable.filter((candidate) => candidate.standby === true);
  if (order === undefined) return { tiers: tiersOf([...byDistance(home, serving), standby]) };
  const { rest, places } = order;
  const explicit = byPlaces(places, serving);
  const isNamed = (candidate: Candidate): boolean => places.some((place) => isAt(candidate, place));
  const others = rest === 'deny' ? [] : serving.filter((candidate) => !isNamed(candidate));
  const last = rest === 'deny' ? standby.filter(isNamed) : standby;
  const localAfter = tiersOf(explicit.slice(0, ownPlace(home, places))).length;
  const tiers = tiersOf([...explicit, ...byDistance(home, others), last]);
  return localAfter === 0 ? { tiers } : { tiers, localAfter };
}

/** Groups that are empty are no tiers. */
function tiersOf(groups: readonly (readonly Candidate[])[]): readonly Tier[] {
  return groups.filter((group) => group.length > 0).map((group) => group.map(weigh));
}

function weigh(candidate: Candidate): WeightedPeer {
  return { cluster: candidate.cluster, weight: Math.min(candidate.ready, PEER_WEIGHT_MAX) };
}

/** One group for each place. A cluster belongs to the first place that fits it. */
function byPlaces(places: readonly FailoverPlace[], candidates: readonly Candidate[]): readonly Candidate[][] {
  const groups = places.map((): Candidate[] => []);
  for (const candidate of candidates) groups[places.findIndex((place) => isAt(candidate, place))]?.push(candidate);
  return groups;
}

/**
 * The own endpoints stand first unless the own cluster is named: one policy can be given to every cluster of a region or
 * network, and none of them begins to send its callers away for it.
 */
function ownPlace(home: Home, places: readonly FailoverPlace[]): number {
  return Math.max(
    0,
    places.findIndex((place) => place.kind === 'cluster' && place.cluster === home.cluster),
  );
}

function isAt(candidate: Candidate, place: FailoverPlace): boolean {
  switch (place.kind) {
    case 'cluster':
      return candidate.cluster === place.cluster;
    case 'network':
      return candidate.network === place.network;
    case 'region':
      return candidate.region === place.region;
    default:
      return assertNever(place);
  }
}

/** One group for each rank. */
function byDistance(home: Place, candidates: readonly Candidate[]): readonly (readonly Candidate[])[] {
  return RANKS.map((rank) => candidates.filter((candidate) => rankOf(home, candidate) === rank));
}

/** A zone's name is unique within its region only, so the same zone needs the same region. An unnamed place is near to nobody. */
function rankOf(home: Place, other: Candidate): Rank {
  const sameRegion = home.region === other.region;
  if (home.zone !== undefined && home.zone === other.zone && sameRegion) return 'zone';
  if (home.region !== undefined && sameRegion) return 'region';
  return home.network === other.network ? 'network' : 'other';
}
