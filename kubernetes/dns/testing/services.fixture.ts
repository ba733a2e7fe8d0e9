/** A zone with one service of each kind, for the tests of this folder. */
import type { ServiceKey } from '../../../federation/model/ids.ts';
import { emptyZone, withServices, type Zone } from '../zone.ts';
import type { ZoneEndpoint, ZonePort, ZoneService } from '../zone-service.ts';

export const HTTP: ZonePort = { name: 'http', protocol: 'TCP', port: 80 };
export const SYSLOG: ZonePort = { name: 'syslog', protocol: 'UDP', port: 514 };

export function keyOf(text: string): ServiceKey {
  return text as ServiceKey; // tests write it well-formed
}

export function clusterSetIp(key: string, ips: readonly string[], ports: readonly ZonePort[] = [HTTP]): ZoneService {
  return { key: keyOf(key), type: 'ClusterSetIP', ips, ports, endpoints: [] };
}

export function headless(key: string, endpoints: readonly ZoneEndpoint[]): ZoneService {
  return { key: keyOf(key), type: 'Headless', ips: [], ports: [HTTP], endpoints };
}

export function endpoint(cluster: string, address: string, hostname?: string): ZoneEndpoint {
  return { cluster, hostname, addresses: [address], ports: [{ ...HTTP, port: 8080 }] };
}

export function zoneOf(...services: readonly ZoneService[]): Zone {
  return withServices(
    emptyZone({ server: ['10.96.0.53'] }),
    services.map((service) => [service.key, service] as const),
  );
}

export const SHOP = zoneOf(
  clusterSetIp('shop/web', ['10.96.1.1', 'fd00::1'], [HTTP, SYSLOG, { protocol: 'TCP', port: 9 }]),
  clusterSetIp('shop/waiting', []),
  headless('shop/db', [
    endpoint('east', '10.1.0.1', 'db-0'),
    endpoint('east', '10.1.0.2', 'db-1'),
    endpoint('west', '10.1.0.1', 'db-0'),
    endpoint('west', 'fd00::9'),
  ]),
  headless('idle/none', []),
);
