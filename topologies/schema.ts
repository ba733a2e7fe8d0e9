import { z } from 'zod';
import { isDnsLabel, isDnsName } from '../federation/model/ids.ts';
import { isAddress, isRange } from './ranges.ts';

/**
 * A topology says which clusters there are, on which networks, and which networks can reach each other's gateways.
 * The same files drive the planner, the demo's lab, the tests, the benchmarks and the docs, so that "works on separated
 * networks" always means the same picture. Unknown keys are refused: a typing error must not become a default.
 */
export const TOPOLOGY_API_VERSION = 'isthmus.dev/v1alpha1';

/** Limits on what a file may describe; far above what one machine can run, far below what would hurt a parser. */
export const TOPOLOGY_LIMITS = {
  clusters: 200,
  networks: 200,
  links: 200,
  gatewaysPerCluster: 16,
  cidrsPerCluster: 32,
};

const label = z.string().refine(isDnsLabel, 'use 1 to 63 lower-case letters, digits and inner dashes');
const address = z.string().refine(isAddress, 'not an IP address');
/** A last label of digits alone is a mistyped address, not a name (RFC 1123, section 2.1). */
const host = z
  .string()
  .refine(
    (text) => isAddress(text) || (isDnsName(text) && !/(^|\.)\d+$/.test(text)),
    'neither an IP address nor a DNS name',
  );
const range = z.string().refine(isRange, 'not a range like 10.0.0.0/24 with all host bits zero');
const port = z.int().min(1).max(65_535);
const ranges = z.array(range).max(TOPOLOGY_LIMITS.cidrsPerCluster).default([]);

const gateway = z.strictObject({ name: label, address: host, port: port.default(15_443) });

const cluster = z.strictObject({
  name: label,
  network: label,
  region: label.optional(),
  zone: label.optional(),
  /** `kubernetes`: services come from an API server; `none`: from files. */
  platform: z.enum(['kubernetes', 'none']),
  /** May carry traffic between two other clusters that have no link of their own. */
  transit: z.boolean().default(false),
  /** Addresses of the cluster's own endpoints: pods, or the LAN of a site without Kubernetes. */
  podCIDRs: ranges,
  serviceCIDRs: ranges,
  gateways: z.array(gateway).max(TOPOLOGY_LIMITS.gatewaysPerCluster).default([]),
});

const network = z.strictObject({
  name: label,
  /** Opt-in: pods of this network's clusters reach each other by address, so gateways may be left out. */
  directRouting: z.boolean().default(false),
  /** Whether the network itself encrypts (WireGuard, IPsec). Direct traffic is plaintext unless it does. */
  encrypted: z.boolean().default(false),
});

/** Gateways of all `networks` reach each other's addresses over this link. */
const link = z.strictObject({
  name: label,
  networks: z.array(label).min(2).max(TOPOLOGY_LIMITS.networks),
});

export const topologySchema = z.strictObject({
  apiVersion: z.literal(TOPOLOGY_API_VERSION),
  kind: z.literal('Topology'),
  metadata: z.strictObject({ name: label }),
  spec: z.strictObject({
    /** One sentence: what this topology is there to show. */
    purpose: z.string().min(1).max(500),
    networks: z.array(network).min(1).max(TOPOLOGY_LIMITS.networks),
    links: z.array(link).max(TOPOLOGY_LIMITS.links).default([]),
    /** The host of the shared store, reached from every gateway. Absent: a cluster's controller serves it. */
    store: z.strictObject({ address, port: port.default(15_090) }).optional(),
    clusters: z.array(cluster).min(1).max(TOPOLOGY_LIMITS.clusters),
  }),
});

export type Topology = z.output<typeof topologySchema>;
export type TopologyCluster = Topology['spec']['clusters'][number];
export type TopologyNetwork = Topology['spec']['networks'][number];
export type TopologyLink = Topology['spec']['links'][number];
