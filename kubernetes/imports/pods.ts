import { isIPv4, isIPv6 } from 'node:net';
import type { LocalService } from '../../federation/model/local.ts';
import type { DirectEndpoints, MergedService, ServiceBackend } from '../../federation/model/state.ts';
import type { ImportsSite, IpFamily } from './input.ts';

/** One endpoint that is a pod, seen from the merged service. */
export interface Pod {
  readonly address: string;
  readonly family: IpFamily;
  readonly ready: boolean;
  readonly hostname?: string | undefined;
  readonly zone?: string | undefined;
  /** Its port behind each of the service's ports, in their order; 0 where it has none. */
  readonly ports: readonly number[];
}

export function familyOf(address: string): IpFamily | undefined {
  if (isIPv4(address)) return 'IPv4';
  return isIPv6(address) ? 'IPv6' : undefined;
}

/** Also those that are not ready: the API shows them with `ready: false`. */
export function localPods(service: MergedService, local: LocalService | undefined, site: ImportsSite): readonly Pod[] {
  if (local?.exported !== true) return [];
  const offered = service.ports.map((port) =>
    local.ports.some((own) => own.port === port.port && own.protocol === port.protocol),
  );
  return local.endpoints.flatMap(({ address, ports, ready, hostname, zone = site.zone }) => {
    const family = familyOf(address);
    const numbers = service.ports.map(({ port }, index) => (offered[index] === true ? (ports[port] ?? 0) : 0));
    return family === undefined ? [] : [{ address, family, ready, hostname, zone, ports: numbers }];
  });
}

/** Published are ready ones only. A port that the merge left out (a conflict) has no weight, and is left out here too. */
export function remotePods(
  service: MergedService,
  { ready, zone: clusterZone }: ServiceBackend,
  direct: DirectEndpoints,
): readonly Pod[] {
  const indices = service.ports.map(({ port }) => {
    const isOffered = ready.some((entry) => entry.port === port && entry.ready > 0);
    return isOffered ? direct.ports.indexOf(port) : -1;
  });
  return direct.endpoints.flatMap(({ address, hostname, zone = clusterZone, ports }) => {
    const family = familyOf(address);
    const numbers = indices.map((index) => ports[index] ?? 0);
    return family === undefined ? [] : [{ address, family, ready: true, hostname, zone, ports: numbers }];
  });
}
