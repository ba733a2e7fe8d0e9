import { overlappingPods } from './check.ts';
import type { Topology, TopologyCluster } from './schema.ts';

/**
 * Who reaches whom, and by which path (DESIGN, "Reachability and topologies"). Pure. A pair is directed: `from` calls a
 * service of `to`. Every decision carries its reason, which is what status and documentation print.
 */
export type Path =
  | {
      readonly kind: 'gateways';
      /** Absent when both gateways are in one network. */
      readonly link?: string;
      readonly reason: 'SameNetwork' | 'Linked' | 'OverlappingRanges';
      readonly message: string;
    }
  | {
      readonly kind: 'direct';
      readonly network: string;
      /** False: what goes this way is plaintext, and status must say so. */
      readonly encrypted: boolean;
      readonly reason: 'DirectRouting';
      readonly message: string;
    }
  | { readonly kind: 'unreachable'; readonly reason: Unreachable; readonly message: string };

export type Unreachable = 'NoGateway' | 'NoLink' | 'TransitNotSupported';

export interface PairPlan {
  readonly from: string;
  readonly to: string;
  readonly path: Path;
  /** Pod ranges that both use. Harmless through gateways: only gateway addresses cross. */
  readonly overlapping: readonly string[];
}

/** All ordered pairs of different clusters, in the order of the file. */
export function planTopology(topology: Topology): readonly PairPlan[] {
  const { clusters } = topology.spec;
  return clusters.flatMap((from) =>
    clusters
      .filter((to) => to !== from)
      .map((to) => ({
        from: from.name,
        to: to.name,
        path: planPath(topology, from, to),
        overlapping: overlappingPods(from, to),
      })),
  );
}

export function planPath(topology: Topology, from: TopologyCluster, to: TopologyCluster): Path {
  const overlapping = overlappingPods(from, to);
  const network = topology.spec.networks.find(({ name }) => name === from.network);
  const routed = from.network === to.network && network?.directRouting === true;
  if (routed && overlapping.length === 0) {
    const { name, encrypted } = network;
    const message = `pods of ${from.name} and ${to.name} route to each other in ${name}, ${encrypted ? 'which encrypts' : 'in plaintext'}`;
    return { kind: 'direct', network: name, encrypted, reason: 'DirectRouting', message };
  }
  const without = [from, to].filter(({ gateways }) => gateways.length === 0).map(({ name }) => name);
  if (without.length > 0) return unreachable('NoGateway', `no gateway: ${without.join(', ')}`);
  if (routed) {
    const message = `through gateways, because both use ${overlapping.join(', ')}`;
    return { kind: 'gateways', reason: 'OverlappingRanges', message };
  }
  if (from.network === to.network) {
    return { kind: 'gateways', reason: 'SameNetwork', message: `through gateways, both in network ${from.network}` };
  }
  return planAcross(topology, from, to);
}

function planAcross(topology: Topology, from: TopologyCluster, to: TopologyCluster): Path {
  const link = linkBetween(topology, from, to);
  if (link !== undefined) {
    return { kind: 'gateways', link, reason: 'Linked', message: `through gateways over link ${link}` };
  }
  const between = `no link joins networks ${from.network} and ${to.network}`;
  const hubs = topology.spec.clusters
    .filter((hub) => hub.transit && hub.gateways.length > 0)
    .filter((hub) => reaches(topology, from, hub) && reaches(topology, hub, to))
    .map(({ name }) => name);
  if (hubs.length === 0) return unreachable('NoLink', between);
  return unreachable(
    'TransitNotSupported',
    `${between}; ${hubs.join(', ')} could carry it, but transit is not supported yet`,
  );
}

function reaches(topology: Topology, from: TopologyCluster, to: TopologyCluster): boolean {
  return from.network === to.network || linkBetween(topology, from, to) !== undefined;
}

function linkBetween(topology: Topology, from: TopologyCluster, to: TopologyCluster): string | undefined {
  return topology.spec.links.find(({ networks }) => networks.includes(from.network) && networks.includes(to.network))
    ?.name;
}

function unreachable(reason: Unreachable, message: string): Path {
  return { kind: 'unreachable', reason, message };
}
