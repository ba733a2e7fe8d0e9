import { type ImportFilter, importFilter } from '../federation/model/imports.ts';
import type { LocalView } from '../federation/model/local.ts';
import type { ChainRecord, GatewayRecord } from '../federation/model/records.ts';
import type { SitePolicies } from '../federation/model/site-policies.ts';
import type { GatewayConfig, SiteConfig } from './config/site.ts';
import type { PortTable } from './ports-file.ts';
import type { SiteTrust } from './site-trust.ts';
import { softwareVersion } from './version.ts';
import type { World } from './world.ts';

/**
 * One name for the gateway sets of the whole clusterset: it is part of the identity that peers expect, and nothing in a
 * roster says otherwise yet.
 */
export const GATEWAY_SET = 'default';

type GatewayListen = Pick<GatewayConfig, 'listenAddress' | 'port' | 'egressAddress'>;

/** Where a site without gateways would listen: it publishes and reads, and nobody connects. */
const NO_GATEWAY: GatewayListen = { listenAddress: '0.0.0.0', port: 15_443, egressAddress: '127.0.0.1' };

export interface FirstWorldInput {
  readonly config: SiteConfig;
  readonly trust: SiteTrust;
  readonly local: LocalView;
  readonly policies: SitePolicies;
  readonly ports: PortTable;
  readonly chain: ChainRecord;
  readonly leaving: boolean;
  /** Of a Kubernetes cluster, whose gateways are no part of the Site. */
  readonly gateways?: readonly GatewayRecord[] | undefined;
}

/** Gateways in pods are reached by other pods at their own addresses, and by other clusters at one port of these. */
const POD_PORT = 15_443;

/** What is known before anything was heard of others. */
export function firstWorld(input: FirstWorldInput): World {
  const { config, trust, local, policies, ports, chain, leaving } = input;
  const { cluster, network, region, zone } = config;
  const listen = gatewayListen(config);
  return {
    site: {
      cluster,
      network,
      region,
      zone,
      clustersetDomain: config.clusterset,
      softwareVersion: softwareVersion(),
      directPods: config.podRouting === 'direct',
      gatewaySet: GATEWAY_SET,
      eastWest: { address: listen.listenAddress, port: listen.port },
      egressAddress: listen.egressAddress,
    },
    gateways: input.gateways ?? config.gateways.map(gatewayRecord),
    local,
    roster: trust.roster,
    views: new Map(),
    ...decisions(policies, config),
    health: new Map(),
    unhealthy: new Set(),
    addresses: new Map(),
    ports,
    voidToken: trust.voidToken,
    chain,
    leaving,
  };
}

function gatewayListen({ kubernetes, gateways }: SiteConfig): GatewayListen {
  if (kubernetes === undefined) return gateways[0] ?? NO_GATEWAY;
  const { gatewayListenAddress: address } = kubernetes;
  return { listenAddress: address, port: POD_PORT, egressAddress: address };
}

/** As the engine takes them. What a ClusterSet says of imports takes the place of what the Site says. */
export function decisions(
  { failover, pins, imports }: SitePolicies,
  site: Pick<SiteConfig, 'imports'>,
): Pick<World, 'failover' | 'pins' | 'imports'> {
  return { failover, pins, imports: imports ?? filterOf(site.imports) };
}

/** The same filter for the same list: it may be long, and services change often. */
const filters = new WeakMap<readonly string[], ImportFilter>();

function filterOf(entries: readonly string[] | undefined): ImportFilter | undefined {
  const filter = entries && (filters.get(entries) ?? importFilter(entries));
  if (entries !== undefined && filter !== undefined) filters.set(entries, filter);
  return filter;
}

function gatewayRecord({ name, address, port, weight }: SiteConfig['gateways'][number]): GatewayRecord {
  return {
    kind: 'gateway',
    name,
    addresses: [{ host: address, port }],
    weight,
    draining: false,
    modes: ['http', 'tcp'],
  };
}
