/**
 * What Envoy's `/clusters` says, reduced to what the controller needs: how many gateways of each peer are healthy, and
 * which of our own exported endpoints failed their check.
 */
export interface PeerHealth {
  readonly cluster: string;
  readonly healthy: number;
  readonly total: number;
}

export interface EndpointState {
  /** NS/NAME:PORT */
  readonly service: string;
  /** ADDRESS:PORT */
  readonly endpoint: string;
  readonly healthy: boolean;
}

export interface Probes {
  /** Sorted by cluster. */
  readonly peers: readonly PeerHealth[];
  /** Sorted by service, then endpoint. */
  readonly endpoints: readonly EndpointState[];
}

export const NO_PROBES: Probes = { peers: [], endpoints: [] };

const PEER_PREFIX = 'peer|';

/**
 * @param answer body of `/clusters?format=json`
 * @param checked names of Envoy clusters with an active check of our exports -> the service
 */
export function readProbes(answer: string, checked: ReadonlyMap<string, string>): Probes {
  const peers: PeerHealth[] = [];
  const endpoints: EndpointState[] = [];
  for (const cluster of list(JSON.parse(answer), 'cluster_statuses')) {
    const name = text(cluster, 'name');
    // The void endpoint is an internal address: it has no socket address and is nobody's gateway.
    const hosts = list(cluster, 'host_statuses').filter((host) => endpointOf(host) !== undefined);
    if (name.startsWith(PEER_PREFIX)) {
      const healthy = hosts.filter(isHealthy).length;
      peers.push({ cluster: name.slice(PEER_PREFIX.length), healthy, total: hosts.length });
    }
    const service = checked.get(name);
    if (service === undefined) continue;
    for (const host of hosts) {
      endpoints.push({
        service,
        endpoint: endpointOf(host) ?? '',
        healthy: !failed(host, 'failed_active_health_check'),
      });
    }
  }
  peers.sort((left, right) => compare(left.cluster, right.cluster));
  endpoints.sort((left, right) => compare(left.service, right.service) || compare(left.endpoint, right.endpoint));
  return { peers, endpoints };
}

/** Regular expression for `/clusters?filter=`: Envoy writes kilobytes for every cluster that is not left out. */
export function probeFilter(checked: ReadonlyMap<string, string>): string {
  const names = [...checked.keys()].map((name) => name.replaceAll('|', '\\|'));
  // The pattern travels in a URL: many names are better asked for by their form.
  const exported = names.length <= FILTER_NAMES_MAX ? names : ['export\\|.*', '[0-9a-f]{32}'];
  return `^(${['peer\\|.*', ...exported].join('|')})$`;
}

const FILTER_NAMES_MAX = 50;

/** A gateway that is checked and not yet answered counts as failed in Envoy, and so here. */
function isHealthy(host: unknown): boolean {
  return !failed(host, 'failed_active_health_check') && !failed(host, 'failed_outlier_check');
}

function failed(host: unknown, flag: string): boolean {
  return field(field(host, 'health_status'), flag) === true;
}

function endpointOf(host: unknown): string | undefined {
  const address = field(field(host, 'address'), 'socket_address');
  if (address === undefined) return undefined;
  const ip = text(address, 'address');
  // As `endpointHealthKey` writes it: without brackets, also for IPv6.
  return `${ip}:${portOf(address)}`;
}

function portOf(address: unknown): number {
  const port = field(address, 'port_value');
  return typeof port === 'number' ? port : 0;
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name]; // any object may be read by name
}

function text(value: unknown, name: string): string {
  const found = field(value, name);
  return typeof found === 'string' ? found : '';
}

function list(value: unknown, name: string): readonly unknown[] {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
