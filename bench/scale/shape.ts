import { encodeRecord, recordKeyOf } from '../../federation/model/encode.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import { parseClusterId, parseNetworkId } from '../../federation/model/ids.ts';
import type { FederationRecord, RecordBytes, RecordKey, ServiceRecord } from '../../federation/model/records.ts';
import { RECORD_SCHEMA } from '../../federation/model/records.ts';

/**
 * The two shapes of a large clusterset. `shared`: every member exports the same names, so that each name is merged from
 * all members. `distinct`: every member exports names of its own, of which the reader imports one namespace.
 */
export type ShapeName = 'shared' | 'distinct';

export interface Shape {
  readonly name: ShapeName;
  readonly members: number;
  readonly servicesEach: number;
}

/** The reader's `Site.spec.imports`. Absent: everything. */
export function importsOf(shape: Shape): readonly string[] | undefined {
  return shape.name === 'distinct' ? ['team-00'] : undefined;
}

/** Of the `distinct` names; the reader imports one of these. */
const NAMESPACES = 100;
const EXPORTED_AT_MS = Date.UTC(2026, 0, 1);
const EXPORT_EVERY_MS = 61_337;
const REGIONS = 8;
/** Ready endpoints of a service in a zone: 1 up to this. */
const READY_SPREAD = 12;

export function memberName(index: number): ClusterId {
  return parseClusterId(`c-${String(index).padStart(3, '0')}`);
}

export function serviceName(shape: Shape, member: number, service: number): { namespace: string; name: string } {
  const number = String(service).padStart(4, '0');
  if (shape.name === 'shared') return { namespace: 'shop', name: `service-${number}` };
  return { namespace: `team-${String(service % NAMESPACES).padStart(2, '0')}`, name: `m-${member}-service-${number}` };
}

/**
 * About 400 octets, as a service of two zones with a few labels has. What differs between clusters in life differs here:
 * when it was exported, where its endpoints are and how many of them are ready.
 */
export function serviceRecord(shape: Shape, member: number, service: number, ready?: number): ServiceRecord {
  const { namespace, name } = serviceName(shape, member, service);
  const region = `r-${member % REGIONS}`;
  return {
    kind: 'service',
    namespace,
    name,
    type: 'ClusterSetIP',
    ports: [{ name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' }],
    sessionAffinity: 'None',
    exportedAtMs: EXPORTED_AT_MS + (service * shape.members + member) * EXPORT_EVERY_MS,
    labels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'shop' },
    annotations: {},
    ready: [
      { port: 80, region, zone: 'a', ready: ready ?? 1 + ((member * 7 + service * 13) % READY_SPREAD) },
      { port: 80, region, zone: 'b', ready: 1 + ((member * 3 + service * 5) % READY_SPREAD) },
    ],
  };
}

export function encoded(record: FederationRecord): readonly [RecordKey, RecordBytes] {
  return [recordKeyOf(record), encodeRecord(record)];
}

export function memberRecords(shape: Shape, member: number): Map<RecordKey, RecordBytes> {
  const cluster: FederationRecord = {
    kind: 'cluster',
    schema: RECORD_SCHEMA,
    network: parseNetworkId(`net-${member}`),
    softwareVersion: '0.1.0',
    schemaRange: [RECORD_SCHEMA, RECORD_SCHEMA],
    capabilities: [],
    transit: false,
  };
  const gateway: FederationRecord = {
    kind: 'gateway',
    name: 'gw',
    // Benchmarking addresses (RFC 2544): nobody answers there.
    addresses: [{ host: `198.18.${member >> 8}.${member & 255}`, port: 15_443 }],
    weight: 100,
    draining: false,
    modes: ['http', 'tcp'],
  };
  const services = Array.from({ length: shape.servicesEach }, (_, index) => serviceRecord(shape, member, index));
  return new Map([cluster, gateway, ...services].map(encoded));
}
