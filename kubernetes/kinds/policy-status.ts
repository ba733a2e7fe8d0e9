import type { FailoverPlace } from '../../federation/model/failover-order.ts';
import type { FailoverPolicy, LostService, PolicyVerdict } from '../../federation/model/failover-policies.ts';
import type { ReadSpec } from '../../sources/documents/kinds/read-spec.ts';
import { assertNever } from '../../runtime/errors.ts';
import type { DesiredStatus } from '../apply/desired.ts';
import { condition, type ConditionText, listed, programmed, type Programming, resolvedRefs } from './conditions.ts';

/** What became of a FailoverPolicy. */
export interface KnownPlaces {
  readonly clusters: ReadonlySet<string>;
  readonly networks: ReadonlySet<string>;
  readonly regions: ReadonlySet<string>;
}

export interface PolicyStatusInput {
  readonly generation: number | undefined;
  readonly read: ReadSpec<FailoverPolicy>;
  /** Of `resolvePolicies`. */
  readonly verdict: PolicyVerdict;
  readonly places: KnownPlaces;
  /** Names of the clusterset's services in its namespace. */
  readonly services: ReadonlySet<string>;
  /** Of these, those that some other policy names. */
  readonly namedElsewhere: ReadonlySet<string>;
  readonly programming: Programming;
}

/** Of a policy that could not be read. */
export const NO_VERDICT: PolicyVerdict = { holds: [], lost: [] };

export function policyStatus(input: PolicyStatusInput): DesiredStatus {
  const { generation, read, verdict, services, programming } = input;
  const accepted = acceptedOf(input);
  const isAccepted = accepted.status === 'True';
  return {
    fields: { services: isAccepted ? decided(input) : 0 },
    conditions: [
      condition('Accepted', accepted, generation),
      condition('Conflict', conflictOf(verdict.lost), generation),
      condition('ResolvedRefs', read.ok ? refsOf(read.value, input.places, services) : resolvedRefs([]), generation),
      condition('Programmed', programmed(programming, isAccepted), generation),
    ],
  };
}

/** How many services it decides now. */
function decided({ verdict: { holds }, services, namedElsewhere }: PolicyStatusInput): number {
  if (holds === 'namespace') return [...services].filter((name) => !namedElsewhere.has(name)).length;
  return holds.filter((name) => services.has(name)).length;
}

function acceptedOf({ read, verdict }: PolicyStatusInput): ConditionText {
  if (!read.ok) return { status: 'False', reason: 'Invalid', message: read.message };
  if (verdict.holds.length === 0) {
    return { status: 'False', reason: 'Conflicted', message: `it decides nothing: ${lostText(verdict.lost)}` };
  }
  return { status: 'True', reason: 'Accepted', message: 'the order is in force' };
}

function conflictOf(lost: readonly LostService[]): ConditionText {
  if (lost.length === 0) return { status: 'False', reason: 'NoConflicts', message: 'no other policy decides the same' };
  return { status: 'True', reason: 'Conflicted', message: lostText(lost) };
}

function lostText(lost: readonly LostService[]): string {
  const texts = lost.map(({ service, winner }) => {
    return service === undefined ? `${winner} decides for the namespace` : `${winner} decides for ${service}`;
  });
  return listed(texts);
}

function refsOf({ order, services }: FailoverPolicy, places: KnownPlaces, known: ReadonlySet<string>): ConditionText {
  const unknown = order.places.filter((place) => !isKnown(place, places));
  const namesOf = (kind: FailoverPlace['kind']) => unknown.filter((place) => place.kind === kind).map(nameOf);
  return resolvedRefs([
    { reason: 'UnknownCluster', what: 'clusters', names: namesOf('cluster') },
    { reason: 'UnknownNetwork', what: 'networks', names: namesOf('network') },
    { reason: 'UnknownRegion', what: 'regions', names: namesOf('region') },
    { reason: 'UnknownService', what: 'services', names: (services ?? []).filter((name) => !known.has(name)) },
  ]);
}

function isKnown(place: FailoverPlace, { clusters, networks, regions }: KnownPlaces): boolean {
  switch (place.kind) {
    case 'cluster':
      return clusters.has(place.cluster);
    case 'network':
      return networks.has(place.network);
    case 'region':
      return regions.has(place.region);
    default:
      return assertNever(place);
  }
}

function nameOf(place: FailoverPlace): string {
  switch (place.kind) {
    case 'cluster':
      return place.cluster;
    case 'network':
      return place.network;
    case 'region':
      return place.region;
    default:
      return assertNever(place);
  }
}
