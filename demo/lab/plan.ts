import { addressInRange, parseRange, rangeContains } from '../../topologies/ranges.ts';
import type { Topology, TopologyCluster } from '../../topologies/schema.ts';
import { LabError, type LabSite } from './lab.ts';

/** Turns a topology into the addresses of a lab. Pure. */
export interface LabPlan {
  readonly sites: readonly LabSite[];
  readonly store: string;
  /** Range of the wire between the networks; all gateways and the store lie in it. */
  readonly wanRange: string;
}

/** TEST-NET-1 (RFC 5737): never routed anywhere, so that a leak out of the lab would lead nowhere. */
const WAN_RANGE = '192.0.2.0/24';
const GATEWAY_OFFSET = 1;
const FIRST_APP_OFFSET = 10;
const APPS_PER_SITE = 10;
/** Used when the topology names no store host. */
const STORE_OFFSET = 200;
/** Second octets for loopback labs, 127.16 to 127.215: 127.0 and 127.1 are in use on many machines. */
const LOOPBACK_FIRST = 16;
const LOOPBACK_COUNT = 200;

/** Namespaces: the topology's own addresses, every site with its own copy of the same LAN. */
export function planNamespaces(topology: Topology): LabPlan {
  const wan = mustParse(WAN_RANGE);
  const store = topology.spec.store?.address ?? mustAddress(WAN_RANGE, STORE_OFFSET);
  const sites = topology.spec.clusters.map((cluster): LabSite => {
    const [gateway] = cluster.gateways;
    const [range] = cluster.podCIDRs;
    if (gateway === undefined || range === undefined) throw unfit(cluster, 'needs a gateway and a range');
    if (!rangeContains(wan, gateway.address)) throw unfit(cluster, `has a gateway outside ${WAN_RANGE}`);
    return {
      name: cluster.name,
      wan: gateway.address,
      lan: mustAddress(range, GATEWAY_OFFSET),
      apps: appAddresses((offset) => mustAddress(range, offset)),
    };
  });
  return { sites, store, wanRange: WAN_RANGE };
}

/**
 * Loopback: 127.NET.SITE.HOST, one NET for each lab, so that several labs on a machine do not meet and every program
 * keeps the ports it has in the namespaces.
 */
export function planLoopback(topology: Topology, net: number): LabPlan {
  const sites = topology.spec.clusters.map((cluster, index): LabSite => {
    const base = `127.${net}.${index + 1}`;
    return {
      name: cluster.name,
      wan: `${base}.1`,
      lan: `${base}.2`,
      apps: appAddresses((offset) => `${base}.${offset}`),
    };
  });
  if (sites.length > 250) throw new LabError('lab-too-large', 'a loopback lab has at most 250 sites');
  return { sites, store: `127.${net}.0.1`, wanRange: `127.${net}.0.0/16` };
}

/** The first NET that no other lab uses, starting at a place that differs from process to process. */
export function chooseLoopbackNet(pid: number, taken: ReadonlySet<number>): number {
  for (let step = 0; step < LOOPBACK_COUNT; step++) {
    const net = LOOPBACK_FIRST + ((pid + step) % LOOPBACK_COUNT);
    if (!taken.has(net)) return net;
  }
  throw new LabError('no-loopback-net', `${LOOPBACK_COUNT} loopback labs run already`);
}

function appAddresses(at: (offset: number) => string): [string, ...string[]] {
  const rest = Array.from({ length: APPS_PER_SITE - 1 }, (_, index) => at(FIRST_APP_OFFSET + 1 + index));
  return [at(FIRST_APP_OFFSET), ...rest];
}

function mustParse(range: string): NonNullable<ReturnType<typeof parseRange>> {
  const parsed = parseRange(range);
  if (parsed === undefined) throw new LabError('bad-range', `${range} is not a range`);
  return parsed;
}

function mustAddress(range: string, offset: number): string {
  const address = addressInRange(mustParse(range), offset);
  if (address === undefined) throw new LabError('range-too-small', `${range} has no address number ${offset}`);
  return address;
}

function unfit(cluster: TopologyCluster, why: string): LabError {
  return new LabError('unfit-topology', `cluster ${cluster.name} cannot be a site of the lab: it ${why}`);
}
