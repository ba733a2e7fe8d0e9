import type { ClusterId, ServiceKey } from './ids.ts';
import { compareText } from './ids.ts';
import type { MergedPorts } from './merge-ports.ts';
import { mergePorts } from './merge-ports.ts';
import type { ReadyWeight, ServiceRecord } from './records.ts';
import { sameValue } from './same-value.ts';
import type { ClusterView, MergedService, ServiceBackend, ServiceConflict } from './state.ts';

/**
 * One service from all its exports (MCS API, KEP-1645). Every conflict is decided for the oldest export, so that a
 * newcomer cannot change what a service is; it is reported to all exporters, the losers keep supplying backends.
 */
export type Role = 'serving' | 'standby' | 'withdrawn';

export interface Contribution {
  readonly view: ClusterView;
  readonly service: ServiceRecord;
  readonly role: Role;
}

/** What Kubernetes takes for granted, so that a site which leaves it out does not disagree with one that cannot. */
const AFFINITY_TIMEOUT_S_DEFAULT = 10_800;
const INTERNAL_POLICY_DEFAULT = 'Cluster';

/** Kept in this order in conditions. */
const COMPARED_FIELDS: readonly { readonly field: string; readonly valueOf: (service: ServiceRecord) => unknown }[] = [
  { field: 'type', valueOf: (service) => service.type },
  { field: 'sessionAffinity', valueOf: (service) => service.sessionAffinity },
  { field: 'sessionAffinityConfig', valueOf: timeoutOf },
  { field: 'internalTrafficPolicy', valueOf: policyOf },
  { field: 'trafficDistribution', valueOf: (service) => service.trafficDistribution },
  { field: 'labels', valueOf: (service) => service.labels },
  { field: 'annotations', valueOf: (service) => service.annotations },
];

function timeoutOf(service: ServiceRecord): number {
  return service.sessionAffinityTimeoutS ?? AFFINITY_TIMEOUT_S_DEFAULT;
}

function policyOf(service: ServiceRecord): string {
  return service.internalTrafficPolicy ?? INTERNAL_POLICY_DEFAULT;
}

/** `undefined` when nobody exports it. Withdrawn clusters supply nothing but still take part in conflicts. */
export function mergeService(key: ServiceKey, contributions: readonly Contribution[]): MergedService | undefined {
  const byAge = [...contributions].sort(compareAge);
  const oldest = byAge[0];
  if (oldest === undefined) return undefined;
  const ports = mergePorts(byAge.map(({ view, service }) => ({ cluster: view.cluster, ports: service.ports })));
  const { type, sessionAffinity, sessionAffinityTimeoutS, internalTrafficPolicy, trafficDistribution } = oldest.service;
  return {
    key,
    type,
    ports: ports.ports,
    sessionAffinity,
    sessionAffinityTimeoutS,
    internalTrafficPolicy,
    trafficDistribution,
    labels: oldest.service.labels,
    annotations: oldest.service.annotations,
    backends: backendsOf(contributions, ports.offered),
    conflicts: [...ports.conflicts, ...fieldConflicts(byAge)],
  };
}

/** A cluster's export cannot be older than its membership: `exportedAtMs` is a claim, `joinedAtMs` the roster's word. */
export function exportAgeMs(contribution: Pick<Contribution, 'view' | 'service'>): number {
  return Math.max(contribution.service.exportedAtMs, contribution.view.joinedAtMs);
}

function compareAge(left: Contribution, right: Contribution): number {
  return exportAgeMs(left) - exportAgeMs(right) || compareText(left.view.cluster, right.view.cluster);
}

function backendsOf(
  contributions: readonly Contribution[],
  offered: MergedPorts['offered'],
): readonly ServiceBackend[] {
  return contributions
    .filter((contribution) => contribution.role !== 'withdrawn')
    .map((contribution) => backendOf(contribution, offered.get(contribution.view.cluster)))
    .sort((left, right) => compareText(left.cluster, right.cluster));
}

function backendOf({ view, service, role }: Contribution, offered: ReadonlySet<number> | undefined): ServiceBackend {
  const { network, region, zone } = view.info;
  return {
    cluster: view.cluster,
    network,
    region,
    zone,
    ready: offeredReady(service.ready, offered),
    grantedTo: service.grantedTo,
    ...directOf(service),
    ...(role === 'standby' ? { standby: true } : {}),
  };
}

function directOf({ ports, endpoints }: ServiceRecord): Pick<ServiceBackend, 'direct'> {
  return endpoints === undefined ? {} : { direct: { ports: ports.map(({ port }) => port), endpoints } };
}

function offeredReady(ready: readonly ReadyWeight[], offered: ReadonlySet<number> | undefined): readonly ReadyWeight[] {
  const kept = ready.filter((entry) => offered?.has(entry.port));
  return kept.length === ready.length ? ready : kept;
}

function fieldConflicts(byAge: readonly Contribution[]): readonly ServiceConflict[] {
  const [oldest, ...younger] = byAge;
  if (oldest === undefined || younger.length === 0) return [];
  const winner = oldest.view.cluster;
  return COMPARED_FIELDS.flatMap(({ field, valueOf }) => {
    const expected = valueOf(oldest.service);
    const losers = younger
      .filter(({ service }) => !sameValue(valueOf(service), expected))
      .map(({ view }) => view.cluster)
      .sort(compareText);
    return losers.length === 0 ? [] : [conflictOf(field, winner, losers)];
  });
}

/** Names the clusters, not the values: annotations may be long, and a condition goes to every exporter. */
function conflictOf(field: string, winner: ClusterId, losers: readonly ClusterId[]): ServiceConflict {
  const named = losers.slice(0, LOSERS_NAMED_MAX).join(', ');
  const more = losers.length > LOSERS_NAMED_MAX ? ` and ${losers.length - LOSERS_NAMED_MAX} more` : '';
  return { field, winner, losers, message: `${field} of ${winner} (the oldest export) wins over ${named}${more}` };
}

const LOSERS_NAMED_MAX = 5;
