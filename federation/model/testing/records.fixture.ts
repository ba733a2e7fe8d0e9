import { RecordDigest } from '../digest.ts';
import { encodeRecord, recordKeyOf } from '../encode.ts';
import type { Head } from '../head.ts';
import { HEAD_SCHEMA } from '../head.ts';
import { parseClusterId, parseNetworkId, serviceKey } from '../ids.ts';
import type {
  ChainRecord,
  ClusterRecord,
  FederationRecord,
  GatewayRecord,
  RecordSet,
  ServicePort,
  ServiceRecord,
} from '../records.ts';
import type { ClusterView, Liveness, PeerState } from '../state.ts';

/** Valid values for tests: each builder takes what a test cares about and fills in the rest. */
export const HTTP_PORT: ServicePort = { name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' };

export function exampleService(fields: Partial<ServiceRecord> = {}): ServiceRecord {
  return {
    kind: 'service',
    namespace: 'default',
    name: 'shop',
    type: 'ClusterSetIP',
    ports: [HTTP_PORT],
    sessionAffinity: 'None',
    exportedAtMs: 1_000,
    labels: {},
    annotations: {},
    ready: [{ port: 80, ready: 3 }],
    ...fields,
  };
}

export function exampleCluster(fields: Partial<ClusterRecord> = {}): ClusterRecord {
  return {
    kind: 'cluster',
    schema: 1,
    network: parseNetworkId('net-west'),
    region: 'eu',
    zone: 'eu-1',
    softwareVersion: '0.1.0',
    schemaRange: [1, 1],
    capabilities: [],
    transit: false,
    ...fields,
  };
}

export function exampleGateway(fields: Partial<GatewayRecord> = {}): GatewayRecord {
  return {
    kind: 'gateway',
    name: 'gw-1',
    addresses: [{ host: '203.0.113.10', port: 15_443 }],
    weight: 1,
    draining: false,
    modes: ['http', 'tcp'],
    ...fields,
  };
}

export function exampleChain(certificates: readonly string[] = ['AQID']): ChainRecord {
  return { kind: 'chain', certificates };
}

export function recordSet(records: readonly FederationRecord[]): RecordSet {
  return new Map(records.map((record) => [recordKeyOf(record), encodeRecord(record)]));
}

export function exampleHead(fields: Partial<Head> = {}): Head {
  return {
    schema: HEAD_SCHEMA,
    cluster: parseClusterId('west'),
    incarnation: 1,
    epoch: 1,
    writerId: 'writer-1',
    version: 1,
    beat: 0,
    digest: RecordDigest.empty().hex,
    rosterSeen: 1,
    acks: {},
    issuedAtMs: Date.UTC(2026, 0, 1),
    ...fields,
  };
}

export function exampleView(
  cluster: string,
  services: readonly ServiceRecord[],
  fields: Partial<Omit<ClusterView, 'cluster' | 'services'>> = {},
): ClusterView {
  const id = parseClusterId(cluster);
  const keyed = services.map((service) => [serviceKey(service.namespace, service.name), service] as const);
  return {
    cluster: id,
    head: exampleHead({ cluster: id }),
    joinedAtMs: 0,
    info: exampleCluster({ network: parseNetworkId(`net-${cluster}`) }),
    gateways: [exampleGateway()],
    services: new Map(keyed.sort((left, right) => (left[0] < right[0] ? -1 : 1))),
    ...fields,
  };
}

export const LIVE: Liveness = { verdict: 'Live', reason: 'HeadFreshAndGatewaysReached', message: 'fine', sinceMs: 0 };
export const GONE: Liveness = {
  verdict: 'Gone',
  reason: 'HeadStaleAndGatewaysUnreachable',
  message: 'gone',
  sinceMs: 0,
};
export const UNREACHABLE: Liveness = {
  verdict: 'Unreachable',
  reason: 'GatewaysUnreachable',
  message: 'bad',
  sinceMs: 0,
};

export function examplePeer(view: ClusterView, fields: Partial<Omit<PeerState, 'view'>> = {}): PeerState {
  return { view, liveness: LIVE, serving: true, ...fields };
}
