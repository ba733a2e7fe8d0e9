import type { ClusterId } from '../../federation/model/ids.ts';
import type { Source } from '../source.ts';
import type { Programming } from '../../kubernetes/kinds/conditions.ts';
import type { ClusterStanding } from '../../kubernetes/kinds/cluster-set-status.ts';
import type { KnownPlaces } from '../../kubernetes/kinds/policy-status.ts';
import type { Controller } from '../controller.ts';
import type { Derived } from '../derive.ts';
import { type ClusterItem, clusterList } from '../views/clusters.ts';
import { hostPort } from '../views/services.ts';

/** What the statuses of our kinds tell of, read off a running controller in one moment. */
export interface ClustersetFacts {
  readonly derived: Derived;
  /** Members, the own cluster included. */
  readonly clusters: readonly ClusterItem[];
  readonly standing: ClusterStanding;
  /** Whether the newest snapshot has in it what the source says now. */
  readonly isSettled: boolean;
  /** How the connected gateways stand to that snapshot. */
  readonly programming: Programming;
}

export function clustersetFacts(
  controller: Pick<Controller, 'engine' | 'rejected' | 'storeLink' | 'firstSync' | 'xds'>,
  init: { readonly source: Source; readonly nowMonotonicMs: number },
): ClustersetFacts {
  const { engine, rejected } = controller;
  const { derived } = engine;
  const { world, state, roster } = derived;
  const { source, nowMonotonicMs } = init;
  const list = clusterList({ state, members: roster.members, rejections: rejected, nowMonotonicMs });
  return {
    derived,
    clusters: list.items,
    standing: standingOf(controller),
    isSettled: source.known && world.local === source.view && world.failover === source.policies.failover,
    programming: programmingOf(controller),
  };
}

function standingOf({
  engine,
  storeLink,
  firstSync,
}: Pick<Controller, 'engine' | 'storeLink' | 'firstSync'>): ClusterStanding {
  if (engine.derived.world.leaving === true) return { kind: 'leaving' };
  if (!firstSync.complete) return { kind: 'gathering' };
  if (storeLink.up) return { kind: 'ready' };
  return { kind: 'store-down', message: storeLink.message ?? 'the store does not answer' };
}

function programmingOf({ xds, engine }: Pick<Controller, 'xds' | 'engine'>): Programming {
  const standings = xds.ledger.connected.map((gateway) => xds.ledger.standing(gateway, engine.derived.snapshot));
  if (standings.length === 0) return { kind: 'no-gateway' };
  if (standings.some(({ pending }) => pending > 0)) return { kind: 'pending' };
  const [refused] = standings.flatMap((standing) => standing.refused);
  if (refused === undefined) return { kind: 'done' };
  return { kind: 'refused', message: `a gateway refuses ${refused.name}: ${refused.message}` };
}

/** Members that are not removed. */
export function knownClusters({ clusters }: ClustersetFacts): ReadonlySet<string> {
  const members = clusters.filter(({ status }) => status.self || status.membership !== 'removed');
  return new Set(members.map(({ metadata }) => metadata.name));
}

export function knownPlaces(facts: ClustersetFacts): KnownPlaces {
  const { site } = facts.derived.world;
  const places = [...facts.clusters.flatMap(({ spec }) => spec ?? []), site];
  return {
    clusters: knownClusters(facts),
    networks: new Set(places.map(({ network }) => network)),
    regions: new Set(places.flatMap(({ region }) => region ?? [])),
  };
}

/** Names of the clusterset's services, by namespace. */
export function servicesByNamespace({ derived }: ClustersetFacts): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const key of derived.state.services.keys()) {
    const slash = key.indexOf('/');
    const namespace = key.slice(0, slash);
    const known = names.get(namespace) ?? new Set();
    names.set(namespace, known.add(key.slice(slash + 1)));
  }
  return names;
}

/** `HOST:PORT` of each address of each gateway of a peer. */
export function gatewayAddresses({ derived }: ClustersetFacts, cluster: string): readonly string[] {
  // The name of a member is a cluster id.
  const view = derived.state.peers.get(cluster as ClusterId)?.view;
  return (view?.gateways ?? []).flatMap(({ addresses }) => addresses.map(({ host, port }) => hostPort(host, port)));
}
