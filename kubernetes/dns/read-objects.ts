/** A ServiceImport and the slices of its clusters as the zone sees them. */
import type { ServiceKey } from '../../federation/model/ids.ts';
import type { EndpointPortObject, EndpointSliceObject, ServiceImportObject } from '../api/objects.ts';
import { MCS_SERVICE_NAME_LABEL, MCS_SOURCE_CLUSTER_LABEL } from '../names.ts';
import type { ZoneEndpoint, ZonePort, ZoneService } from './zone-service.ts';

/** Beyond it an answer over TCP could not hold them anyway. */
const ENDPOINTS_MAX = 4_000;

/** The service that a slice belongs to; undefined when it is no slice of an import. */
export function importOf(slice: EndpointSliceObject): ServiceKey | undefined {
  const { namespace, labels } = slice.metadata;
  const name = labels?.[MCS_SERVICE_NAME_LABEL];
  return namespace === undefined || name === undefined || name === ''
    ? undefined
    : (`${namespace}/${name}` as ServiceKey);
}

/** @param slices of this service, in any order: the outcome is the same for each */
export function readZoneService(
  serviceImport: ServiceImportObject,
  slices: Iterable<EndpointSliceObject>,
): ZoneService | undefined {
  const { metadata, spec } = serviceImport;
  if (spec === undefined || metadata.namespace === undefined) return undefined;
  const isHeadless = spec.type === 'Headless';
  return {
    key: `${metadata.namespace}/${metadata.name}` as ServiceKey, // names that the API server has checked
    type: spec.type,
    ips: spec.ips ?? [],
    ports: spec.ports.map(({ name, protocol = 'TCP', port }) => ({ name, protocol, port })),
    endpoints: isHeadless ? readEndpoints(slices) : [],
  };
}

function readEndpoints(slices: Iterable<EndpointSliceObject>): readonly ZoneEndpoint[] {
  const endpoints: ZoneEndpoint[] = [];
  for (const slice of [...slices].toSorted(byName)) {
    if (slice.addressType === 'FQDN') continue;
    const cluster = slice.metadata.labels?.[MCS_SOURCE_CLUSTER_LABEL] ?? '';
    const ports = (slice.ports ?? []).flatMap(readPort);
    for (const { addresses, conditions, hostname } of slice.endpoints ?? []) {
      if (endpoints.length >= ENDPOINTS_MAX) return endpoints;
      // Absent means ready (discovery/v1). A service that publishes what is not ready has it said there.
      if (conditions?.ready !== false) endpoints.push({ cluster, hostname, addresses, ports });
    }
  }
  return endpoints;
}

function readPort({ name, protocol, port }: EndpointPortObject): readonly ZonePort[] {
  // Without a number it is every port, of which a record cannot speak.
  if (typeof port !== 'number') return [];
  return [{ name: name ?? undefined, protocol: protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP', port }];
}

function byName(a: EndpointSliceObject, b: EndpointSliceObject): number {
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
