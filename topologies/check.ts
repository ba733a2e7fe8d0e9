import type { Finding } from '../runtime/errors.ts';
import { parseRange, rangeContains, rangesOverlap } from './ranges.ts';
import type { Topology, TopologyCluster } from './schema.ts';

/** What a schema cannot say: names are unique and exist, addresses do not clash, ranges leave room for each other. */
export interface TopologyFinding extends Finding {
  readonly path: readonly (string | number)[];
}

export function checkTopology(topology: Topology): TopologyFinding[] {
  const { networks, links, clusters } = topology.spec;
  return [
    ...duplicates('network', networks, ['spec', 'networks']),
    ...duplicates('link', links, ['spec', 'links']),
    ...duplicates('cluster', clusters, ['spec', 'clusters']),
    ...unknownNetworks(topology),
    ...clusters.flatMap((cluster, index) => clusterFindings(cluster, index)),
    ...sharedAddresses(topology),
    ...directOverlaps(topology),
  ];
}

function duplicates(
  what: string,
  items: readonly { readonly name: string }[],
  base: readonly (string | number)[],
): TopologyFinding[] {
  const seen = new Set<string>();
  return items.flatMap(({ name }, index) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [problem('Duplicate', `${what} ${name} is there twice`, [...base, index, 'name'])];
  });
}

function unknownNetworks(topology: Topology): TopologyFinding[] {
  const known = new Set(topology.spec.networks.map((network) => network.name));
  const unknown = (name: string, path: readonly (string | number)[]): TopologyFinding[] =>
    known.has(name)
      ? []
      : [
          {
            ...problem('UnknownNetwork', `no network is named ${name}`, path),
            hint: `known: ${[...known].join(', ')}`,
          },
        ];
  return [
    ...topology.spec.clusters.flatMap(({ network }, index) => unknown(network, ['spec', 'clusters', index, 'network'])),
    ...topology.spec.links.flatMap(({ networks }, index) =>
      networks.flatMap((name, at) => unknown(name, ['spec', 'links', index, 'networks', at])),
    ),
  ];
}

/** Inside one cluster: pods and services apart, and no gateway address that the cluster itself would route to a pod. */
function clusterFindings(cluster: TopologyCluster, index: number): TopologyFinding[] {
  const path = ['spec', 'clusters', index];
  const own = [...cluster.podCIDRs, ...cluster.serviceCIDRs];
  const clashes = own.flatMap((left, at) =>
    own
      .slice(at + 1)
      .filter((right) => overlap(left, right))
      .map((right) => problem('OverlappingRanges', `${left} and ${right} of cluster ${cluster.name} overlap`, path)),
  );
  const hidden = cluster.gateways.flatMap((gateway, at) =>
    own
      .filter((range) => contains(range, gateway.address))
      .map((range) =>
        problem('GatewayInsideCluster', `${gateway.address} lies in the cluster's own range ${range}`, [
          ...path,
          'gateways',
          at,
          'address',
        ]),
      ),
  );
  return [...clashes, ...duplicates('gateway', cluster.gateways, [...path, 'gateways']), ...hidden];
}

/** Two gateways may not claim one address and port, nor may the store's host be a gateway's. */
function sharedAddresses(topology: Topology): TopologyFinding[] {
  const taken = new Map<string, string>();
  const { store, clusters } = topology.spec;
  if (store !== undefined) taken.set(`${store.address} ${store.port}`, 'the store');
  return clusters.flatMap((cluster, index) =>
    cluster.gateways.flatMap((gateway, at) => {
      const key = `${gateway.address} ${gateway.port}`;
      const other = taken.get(key);
      taken.set(key, other ?? `gateway ${gateway.name} of ${cluster.name}`);
      const path = ['spec', 'clusters', index, 'gateways', at, 'address'];
      return other === undefined
        ? []
        : [problem('SharedAddress', `${gateway.address} port ${gateway.port} belongs to ${other} already`, path)];
    }),
  );
}

/** Direct routing needs every pod address of the network to mean one pod. */
function directOverlaps(topology: Topology): TopologyFinding[] {
  const { networks, clusters } = topology.spec;
  return networks
    .filter((network) => network.directRouting)
    .flatMap((network) => {
      const members = clusters.filter((cluster) => cluster.network === network.name);
      return members.flatMap((left, at) =>
        members
          .slice(at + 1)
          .filter((right) => overlappingPods(left, right).length > 0)
          .map((right) => ({
            ...problem(
              'OverlappingRanges',
              `network ${network.name} routes directly, but ${left.name} and ${right.name} both use ${overlappingPods(left, right).join(', ')}`,
              ['spec', 'clusters', clusters.indexOf(right), 'podCIDRs'],
            ),
            hint: 'give them ranges of their own, or leave directRouting out: gateways work with identical ranges',
          })),
      );
    });
}

/** The pod ranges of `left` that overlap one of `right`. */
export function overlappingPods(left: TopologyCluster, right: TopologyCluster): readonly string[] {
  return left.podCIDRs.filter((one) => right.podCIDRs.some((other) => overlap(one, other)));
}

function overlap(left: string, right: string): boolean {
  const [one, other] = [parseRange(left), parseRange(right)];
  return one !== undefined && other !== undefined && rangesOverlap(one, other);
}

function contains(range: string, address: string): boolean {
  const parsed = parseRange(range);
  return parsed !== undefined && rangeContains(parsed, address);
}

function problem(reason: string, message: string, path: readonly (string | number)[]): TopologyFinding {
  return { severity: 'error', reason, message, path };
}
