/**
 * For tests: a small readable description of one site and what it knows, made into the compiler's real input through the
 * real merge. Golden cases write it as YAML.
 */
import type { Head } from '../../federation/model/head.ts';
import { HEAD_SCHEMA } from '../../federation/model/head.ts';
import type { FailoverOrder, FailoverOrders, FailoverPlace } from '../../federation/model/failover-order.ts';
import type { ClusterId, ServiceKey, ServicePortKey } from '../../federation/model/ids.ts';
import { compareText, parseClusterId, parseNetworkId, serviceKey } from '../../federation/model/ids.ts';
import type { HealthCheck, LocalService } from '../../federation/model/local.ts';
import { mergeState } from '../../federation/model/merge.ts';
import type { AppProtocol, GatewayRecord, ServicePort, ServiceRecord } from '../../federation/model/records.ts';
import { RECORD_SCHEMA } from '../../federation/model/records.ts';
import type { ClusterView, FederationState, PeerState } from '../../federation/model/state.ts';
import type { MemberStatus, Roster } from '../../trust/contract.ts';
import type { CompileInput } from '../compile-input.ts';
import type { VoidToken } from '../ir.ts';
import { allocatePorts, wantedPorts } from '../ports.ts';

export interface Scenario {
  readonly site: SiteScenario;
  readonly peers?: Readonly<Record<string, PeerScenario>>;
  /** Own services, by `NS/NAME`. */
  readonly local?: Readonly<Record<string, LocalScenario>>;
  readonly unhealthy?: readonly string[];
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  /** Explicit order, by `NS/NAME` or namespace: `cluster NAME`, `network NAME` or `region NAME` each. The rest is allowed. */
  readonly failover?: Readonly<Record<string, readonly string[]>>;
  /** What is imported, and the gateway ports. Default: everything, on allocated ports. */
  readonly ports?: Readonly<Record<string, number>>;
}

export interface SiteScenario {
  readonly cluster: string;
  readonly network: string;
  readonly region?: string;
  readonly zone?: string;
  readonly eastWest?: { readonly address: string; readonly port: number };
  readonly egressAddress?: string;
}

export interface PeerScenario {
  /** In the roster. Default `active`. */
  readonly status?: MemberStatus;
  /** Absent: it has published nothing yet. */
  readonly network?: string;
  readonly region?: string;
  readonly zone?: string;
  /** Default `serving`. */
  readonly state?: 'serving' | 'standby' | 'gone';
  readonly gateways?: readonly GatewayScenario[];
  readonly services?: Readonly<Record<string, ServiceScenario>>;
}

export interface GatewayScenario {
  readonly host: string;
  readonly port?: number;
  readonly weight?: number;
  readonly draining?: boolean;
}

export interface ServiceScenario {
  /** `PORT PROTOCOL [NAME]`, e.g. `80 http web`. */
  readonly ports: readonly string[];
  readonly type?: 'ClusterSetIP' | 'Headless';
  /** Ready endpoints by port. */
  readonly ready?: Readonly<Record<string, number>>;
  readonly grantedTo?: readonly string[];
  readonly exportedAtMs?: number;
}

export interface LocalScenario extends ServiceScenario {
  readonly exported?: boolean;
  readonly healthCheck?: HealthCheck;
  readonly endpoints?: readonly LocalService['endpoints'][number][];
}

export interface ScenarioFrame {
  readonly domain: string;
  /** Cluster CA certificates, DER in base64, by cluster. */
  readonly anchors: Readonly<Record<string, readonly string[]>>;
  readonly voidToken: VoidToken;
}

export const TEST_DOMAIN = 'mesh.example';
export const TEST_GATEWAY_SET = 'default';
const JOINED_AT_MS = Date.UTC(2026, 0, 1);
const DEFAULT_GATEWAY_PORT = 15_443;

export function compileInputOf(scenario: Scenario, frame: ScenarioFrame): CompileInput {
  const { site } = scenario;
  const local = new Map(Object.entries(scenario.local ?? {}).map(([key, item]) => [keyOf(key), localOf(key, item)]));
  const state = stateOf(scenario, local);
  return {
    state,
    local: { services: local },
    roster: rosterOf(scenario, frame),
    site: {
      cluster: parseClusterId(site.cluster),
      network: parseNetworkId(site.network),
      clustersetDomain: frame.domain,
      ...(site.region === undefined ? {} : { region: site.region }),
      ...(site.zone === undefined ? {} : { zone: site.zone }),
      gatewaySet: TEST_GATEWAY_SET,
      eastWest: site.eastWest ?? { address: '0.0.0.0', port: DEFAULT_GATEWAY_PORT },
      egressAddress: site.egressAddress ?? '10.0.0.1',
    },
    ports: portsOf(scenario, state),
    voidToken: frame.voidToken,
    unhealthy: new Set(scenario.unhealthy ?? []),
    addresses: new Map(Object.entries(scenario.addresses ?? {})),
    ...(scenario.failover === undefined ? {} : { failover: ordersOf(scenario.failover) }),
  };
}

function ordersOf(failover: NonNullable<Scenario['failover']>): FailoverOrders {
  const entries = Object.entries(failover).map(([key, places]): [string, FailoverOrder] => [
    key,
    { places: places.map(placeOf), rest: 'allow' },
  ]);
  return {
    services: new Map(entries.filter(([key]) => key.includes('/')).map(([key, order]) => [keyOf(key), order])),
    namespaces: new Map(entries.filter(([key]) => !key.includes('/'))),
  };
}

function placeOf(text: string): FailoverPlace {
  const [kind = '', name = ''] = text.split(' ');
  if (kind === 'network') return { kind, network: parseNetworkId(name) };
  if (kind === 'region') return { kind, region: name };
  return { kind: 'cluster', cluster: parseClusterId(name) };
}

function portsOf(scenario: Scenario, state: FederationState): ReadonlyMap<ServicePortKey, number> {
  if (scenario.ports === undefined) return allocatePorts(new Map(), wantedPorts(state)).ports;
  // A scenario writes service port keys as the product does.
  return new Map(Object.entries(scenario.ports).map(([key, port]) => [key as ServicePortKey, port]));
}

function stateOf(scenario: Scenario, local: ReadonlyMap<ServiceKey, LocalService>): FederationState {
  const self = parseClusterId(scenario.site.cluster);
  const exported = [...local.values()].filter((service) => service.exported).map(recordOfLocal);
  const own = viewOf(self, { ...scenario.site, gateways: [] }, exported);
  const peers = new Map<ClusterId, PeerState>();
  for (const [name, peer] of Object.entries(scenario.peers ?? {})) {
    if (peer.network === undefined) continue;
    const records = Object.entries(peer.services ?? {}).map(([key, service]) => recordOf(key, service));
    const serving = (peer.state ?? 'serving') === 'serving';
    const verdict = peer.state === 'gone' ? 'Gone' : serving ? 'Live' : 'Unreachable';
    const liveness = { verdict, reason: verdict, message: '', sinceMs: 0 } as const;
    const cluster = parseClusterId(name);
    peers.set(cluster, { view: viewOf(cluster, { ...peer, network: peer.network }, records), liveness, serving });
  }
  return mergeState({ self, own, peers });
}

function viewOf(
  cluster: ClusterId,
  place: Pick<PeerScenario, 'region' | 'zone' | 'gateways'> & { readonly network: string },
  records: readonly ServiceRecord[],
): ClusterView {
  return {
    cluster,
    head: headOf(cluster),
    joinedAtMs: JOINED_AT_MS,
    info: {
      kind: 'cluster',
      schema: RECORD_SCHEMA,
      network: parseNetworkId(place.network),
      region: place.region,
      zone: place.zone,
      softwareVersion: '0.0.0',
      schemaRange: [1, RECORD_SCHEMA],
      capabilities: [],
      transit: false,
    },
    gateways: (place.gateways ?? []).map(gatewayOf),
    services: new Map(
      records
        .map((record) => [serviceKey(record.namespace, record.name), record] as const)
        .sort(([left], [right]) => compareText(left, right)),
    ),
  };
}

function headOf(cluster: ClusterId): Head {
  const order = { incarnation: 1, epoch: 1, writerId: 'test', version: 1, beat: 0 };
  return { schema: HEAD_SCHEMA, cluster, ...order, digest: '', rosterSeen: 1, acks: {}, issuedAtMs: JOINED_AT_MS };
}

function gatewayOf(gateway: GatewayScenario, index: number): GatewayRecord {
  return {
    kind: 'gateway',
    name: `gateway-${index}`,
    addresses: [{ host: gateway.host, port: gateway.port ?? DEFAULT_GATEWAY_PORT }],
    weight: gateway.weight ?? 100,
    draining: gateway.draining ?? false,
    modes: ['http', 'tcp'],
  };
}

function rosterOf(scenario: Scenario, frame: ScenarioFrame): Roster {
  const names = [...new Set([scenario.site.cluster, ...Object.keys(scenario.peers ?? {})])].sort(compareText);
  return {
    schema: 1,
    clustersetDomain: frame.domain,
    version: 1,
    dev: true,
    issuedAtMs: JOINED_AT_MS,
    roots: [],
    members: names.map((name) => ({
      cluster: parseClusterId(name),
      incarnation: 1,
      trustDomain: `${name}.${frame.domain}`,
      caCertificates: frame.anchors[name] ?? [],
      status: scenario.peers?.[name]?.status ?? 'active',
      joinedAtMs: JOINED_AT_MS,
    })),
  };
}

function localOf(key: string, item: LocalScenario): LocalService {
  const { kind: _kind, ready: _ready, ...record } = recordOf(key, item);
  return {
    ...record,
    key: keyOf(key),
    exported: item.exported ?? true,
    endpoints: item.endpoints ?? [],
    ...(item.healthCheck === undefined ? {} : { healthCheck: item.healthCheck }),
  };
}

function recordOfLocal(service: LocalService): ServiceRecord {
  const { key: _key, exported: _exported, endpoints, healthCheck: _check, ...record } = service;
  const ready = service.ports.map(({ port }) => ({
    port,
    ready: endpoints.filter((endpoint) => endpoint.ready && endpoint.ports[port] !== undefined).length,
  }));
  return { ...record, kind: 'service', ready };
}

function recordOf(key: string, item: ServiceScenario): ServiceRecord {
  const [namespace = '', name = ''] = key.split('/');
  return {
    kind: 'service',
    namespace,
    name,
    type: item.type ?? 'ClusterSetIP',
    ports: item.ports.map(portOf),
    sessionAffinity: 'None',
    exportedAtMs: item.exportedAtMs ?? JOINED_AT_MS,
    labels: {},
    annotations: {},
    ready: Object.entries(item.ready ?? {}).map(([port, ready]) => ({ port: Number(port), ready })),
    ...(item.grantedTo === undefined ? {} : { grantedTo: item.grantedTo.map(parseClusterId) }),
  };
}

function portOf(text: string): ServicePort {
  const [port = '', protocol = '', name = ''] = text.split(' ');
  if (protocol === 'udp') return { name, protocol: 'UDP', port: Number(port), appProtocol: 'tcp' };
  // Anything else is a mistake in a test, and Envoy would show it.
  return { name, protocol: 'TCP', port: Number(port), appProtocol: protocol as AppProtocol };
}

function keyOf(key: string): ServiceKey {
  const [namespace = '', name = ''] = key.split('/');
  return serviceKey(namespace, name);
}
