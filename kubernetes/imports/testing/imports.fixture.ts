import { parseClusterId, parseNetworkId, type ServiceKey, serviceKey } from '../../../federation/model/ids.ts';
import { servicePortKey, type ServicePortKey } from '../../../federation/model/ids.ts';
import type { LocalService } from '../../../federation/model/local.ts';
import { SortedMap } from '../../../federation/model/sorted-map.ts';
import type { MergedService, ServiceBackend } from '../../../federation/model/state.ts';
import { HTTP_PORT } from '../../../federation/model/testing/records.fixture.ts';
import type { GatewayPod, ImportsSite, NamespaceState } from '../input.ts';
import type { ImportsWanted } from '../imports-writer.ts';

/** Valid values for tests of what is imported: each builder takes what a test cares about and fills in the rest. */
export const EAST = parseClusterId('east');
export const WEST = parseClusterId('west');
export const SHOP = serviceKey('shop', 'web');

export const SITE: ImportsSite = {
  cluster: EAST,
  network: parseNetworkId('net-east'),
  zone: 'east-1',
  directPods: false,
  ipFamilies: ['IPv4'],
  ownRanges: ['10.1.0.0/16', '10.96.0.0/16'],
  dev: false,
};

export const GATEWAYS: readonly GatewayPod[] = [
  { name: 'gw-a', addresses: ['10.1.0.10'], zone: 'east-1', nodeName: 'node-a' },
  { name: 'gw-b', addresses: ['10.1.0.11'], zone: 'east-2', nodeName: 'node-b' },
];

export function backend(fields: Partial<ServiceBackend> = {}): ServiceBackend {
  const network = parseNetworkId(fields.cluster === EAST ? 'net-east' : 'net-west');
  return { cluster: WEST, network, ready: [{ port: 80, ready: 3 }], ...fields };
}

export function merged(fields: Partial<MergedService> = {}): MergedService {
  return {
    key: SHOP,
    type: 'ClusterSetIP',
    ports: [HTTP_PORT],
    sessionAffinity: 'None',
    labels: {},
    annotations: {},
    backends: [backend()],
    conflicts: [],
    ...fields,
  };
}

export function localService(fields: Partial<LocalService> = {}): LocalService {
  return {
    key: SHOP,
    namespace: 'shop',
    name: 'web',
    type: 'ClusterSetIP',
    ports: [HTTP_PORT],
    sessionAffinity: 'None',
    labels: {},
    annotations: {},
    exported: true,
    exportedAtMs: 1_000,
    endpoints: [{ address: '10.1.2.1', ports: { 80: 8080 }, ready: true }],
    ...fields,
  };
}

/** Gateway ports from 20000 on, in the order of the services, for TCP. */
export function portsOf(services: readonly MergedService[]): ReadonlyMap<ServicePortKey, number> {
  const keys = services.flatMap(({ key, type, ports }) =>
    type === 'Headless'
      ? []
      : ports.filter(({ protocol }) => protocol === 'TCP').map(({ port }) => servicePortKey(key, port)),
  );
  return new Map(keys.map((key, index) => [key, 20_000 + index]));
}

export function wanted(
  services: readonly MergedService[],
  fields: Partial<ImportsWanted> & { readonly locals?: readonly LocalService[] } = {},
): ImportsWanted {
  const { locals = [], ...rest } = fields;
  const namespaces = new Map<string, NamespaceState>(
    services.map(({ key }) => [key.slice(0, key.indexOf('/')), 'active']),
  );
  return {
    site: SITE,
    services: SortedMap.from<ServiceKey, MergedService>(services.map((service) => [service.key, service])),
    local: SortedMap.from<ServiceKey, LocalService>(locals.map((local) => [local.key, local])),
    namespaces,
    ports: portsOf(services),
    gateways: GATEWAYS,
    complete: true,
    ...rest,
  };
}
