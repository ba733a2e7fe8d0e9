/**
 * The zone `clusterset.local` as an immutable value. A change of one service makes the names of that service anew and shares
 * all others.
 */
import { isIPv4 } from 'node:net';
import type { ServiceKey } from '../../federation/model/ids.ts';
import type { Labels, SoaData } from './message.ts';
import { type NameRecords, type ServiceNames, serviceNames, ZONE_NAME } from './service-names.ts';
import type { ZoneService } from './zone-service.ts';

export interface Zone {
  /** Counts the changes; in the SOA record. */
  readonly serial: number;
  /** Addresses of the DNS Service, for `ns.dns.clusterset.local`. Without one there is no such name and no NS record. */
  readonly server: readonly string[];
  readonly services: ReadonlyMap<ServiceKey, ServiceNames>;
  /** How many services with names each namespace has. */
  readonly namespaces: ReadonlyMap<string, number>;
}

/** What a name of the zone has. The zone itself and the version are no service's. */
export interface Found extends NameRecords {
  readonly NS?: readonly string[];
  readonly SOA?: readonly SoaData[];
  readonly TXT?: readonly string[];
}

/** KEP-1645, specification.md, section 1; TXT of `dns-version.clusterset.local`. */
export const SCHEMA_VERSION = '1.0.0';
/** For how long a resolver may keep that a name does not exist, in seconds: as short as that it does. */
export const NEGATIVE_TTL_S = 5;
const NAME_SERVER = `ns.dns.${ZONE_NAME}`;
const SERIAL_SPACE = 2 ** 32;
const NOTHING: Found = {};

export function emptyZone(init: { readonly serial?: number; readonly server?: readonly string[] } = {}): Zone {
  return { serial: init.serial ?? 1, server: init.server ?? [], services: new Map(), namespaces: new Map() };
}

/** Undefined takes a service out. The same zone when nothing changes. */
export function withServices(zone: Zone, changes: Iterable<readonly [ServiceKey, ZoneService | undefined]>): Zone {
  const services = new Map(zone.services);
  const namespaces = new Map(zone.namespaces);
  let changed = false;
  for (const [key, service] of changes) {
    const before = services.get(key);
    if (before?.of === service) continue;
    changed = true;
    const after = service === undefined ? undefined : serviceNames(service);
    if (after === undefined) services.delete(key);
    else services.set(key, after);
    count(namespaces, namespaceOf(key), existing(after) - existing(before));
  }
  return changed ? { ...zone, serial: (zone.serial + 1) % SERIAL_SPACE, services, namespaces } : zone;
}

export function withServer(zone: Zone, server: readonly string[]): Zone {
  return { ...zone, serial: (zone.serial + 1) % SERIAL_SPACE, server };
}

/** The labels before `clusterset.local`; undefined when the name is not in the zone. */
export function labelsInZone(labels: Labels): Labels | undefined {
  const own = ZONE_NAME.split('.');
  const isInZone = own.every((label, index) => labels[labels.length - own.length + index] === label);
  return isInZone ? labels.slice(0, -own.length) : undefined;
}

/** By the labels before `clusterset.local`. Undefined: there is no such name, and none below it. */
export function lookUp(zone: Zone, labels: Labels): Found | undefined {
  const [last, namespace, service] = labels.toReversed();
  if (last !== 'svc') return lookUpOwn(zone, labels);
  if (namespace === undefined) return NOTHING;
  if (service === undefined) return zone.namespaces.has(namespace) ? NOTHING : undefined;
  // Keys come from the API server, which allows labels only: no other two labels make a key that is there.
  const key = `${namespace}/${service}` as ServiceKey;
  return zone.services.get(key)?.names.get(labels.slice(0, -3).join('.'));
}

/** Of a name of the zone, without trailing dot. */
export function lookUpName(zone: Zone, name: string): Found | undefined {
  const labels = labelsInZone(name.split('.'));
  return labels === undefined ? undefined : lookUp(zone, labels);
}

export function soaOf({ serial }: Zone): SoaData {
  return {
    mname: NAME_SERVER,
    rname: `hostmaster.${ZONE_NAME}`,
    serial,
    // Nobody transfers the zone; the numbers are those of CoreDNS.
    refresh: 7_200,
    retry: 1_800,
    expire: 86_400,
    minimum: NEGATIVE_TTL_S,
  };
}

function lookUpOwn(zone: Zone, labels: Labels): Found | undefined {
  const isServed = zone.server.length > 0;
  switch (labels.join('.')) {
    case '':
      return { SOA: [soaOf(zone)], ...(isServed && { NS: [NAME_SERVER] }) };
    case 'dns-version':
      return { TXT: [SCHEMA_VERSION] };
    case 'dns':
      return isServed ? NOTHING : undefined;
    case 'ns.dns':
      return isServed ? addressesOf(zone.server) : undefined;
    default:
      return undefined;
  }
}

function addressesOf(addresses: readonly string[]): Found {
  const A = addresses.filter((address) => isIPv4(address));
  const AAAA = addresses.filter((address) => !isIPv4(address));
  return { ...(A.length > 0 && { A }), ...(AAAA.length > 0 && { AAAA }) };
}

function existing(names: ServiceNames | undefined): number {
  return names !== undefined && names.names.size > 0 ? 1 : 0;
}

function count(namespaces: Map<string, number>, namespace: string, difference: number): void {
  const left = (namespaces.get(namespace) ?? 0) + difference;
  if (left > 0) namespaces.set(namespace, left);
  else namespaces.delete(namespace);
}

function namespaceOf(key: ServiceKey): string {
  return key.slice(0, key.indexOf('/'));
}
