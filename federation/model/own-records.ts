import type { Finding } from '../../runtime/errors.ts';
import { decodeRecord } from './decode.ts';
import { sameBytes } from './diff.ts';
import { encodeRecord, recordKeyOf } from './encode.ts';
import type { NetworkId, ServiceKey } from './ids.ts';
import { compareText, servicePortKey } from './ids.ts';
import type { LocalEndpoint, LocalService, LocalView } from './local.ts';
import type {
  ChainRecord,
  ClusterRecord,
  FederationRecord,
  GatewayRecord,
  ReadyWeight,
  RecordBytes,
  RecordEndpoint,
  RecordKey,
  RecordSet,
  ServiceRecord,
} from './records.ts';
import { RECORD_ENDPOINTS_MAX } from './record-schemas.ts';
import { DEFAULT_RECORD_LIMITS, RECORD_SCHEMA } from './records.ts';
import { sameValue } from './same-value.ts';

/**
 * What this cluster publishes of itself: aggregates only (DESIGN section 1, point 7). Pods, their addresses and services
 * that are not exported never enter a record.
 */
export interface OwnSite {
  readonly network: NetworkId;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly softwareVersion: string;
  /** True where the other clusters of this network reach pods directly: then their addresses are published too. */
  readonly directPods?: boolean | undefined;
}

export interface OwnInput {
  readonly site: OwnSite;
  readonly gateways: readonly GatewayRecord[];
  readonly local: LocalView;
  /** Failed checks of exported endpoints, as `endpointHealthKey` writes them. */
  readonly unhealthy: ReadonlySet<string>;
  readonly chain: ChainRecord;
  /** The cluster leaves the clusterset: it says so, and nothing else. */
  readonly leaving?: boolean | undefined;
}

/** Kept by the caller and handed back: an unchanged service is neither counted nor encoded again. */
export interface OwnPlan {
  readonly records: RecordSet;
  /** Exports left out because every reader would refuse them, and with them the whole cluster. */
  readonly findings: readonly Finding[];
  readonly sources: ReadonlyMap<ServiceKey, ServiceSource>;
}

interface ServiceSource {
  readonly service: LocalService;
  readonly site: OwnSite;
  readonly unhealthy: readonly string[];
  readonly record: Encoded;
}

type Encoded = { readonly key: RecordKey; readonly bytes: RecordBytes } | { readonly finding: Finding };

/** The lowest schema that `decode.ts` reads. */
const RECORD_SCHEMA_MIN = 1;

/** `NS/NAME:PORT|ADDRESS:PORT`: one endpoint behind one exported port, as gateway agents report its checks. */
export function endpointHealthKey(service: ServiceKey, port: number, address: string, endpointPort: number): string {
  return `${servicePortKey(service, port)}|${address}:${endpointPort}`;
}

/** The records alone, for callers without memory; bytes that come out equal keep the identity of `previous`. */
export function buildOwnRecords(input: OwnInput, previous?: RecordSet): RecordSet {
  const { records } = planOwnRecords(input);
  return previous === undefined ? records : keepIdentity(records, previous);
}

export function planOwnRecords(input: OwnInput, previous?: OwnPlan): OwnPlan {
  if (input.leaving === true) return goodbye(input, previous);
  const unhealthy = groupByService(input.unhealthy);
  const sources = new Map<ServiceKey, ServiceSource>();
  for (const service of [...input.local.services.values()].sort((a, b) => compareText(a.key, b.key))) {
    if (!service.exported) continue;
    const failed = unhealthy.get(service.key) ?? [];
    const before = previous?.sources.get(service.key);
    const isSame =
      before?.service === service && sameValue(before.site, input.site) && sameValue(before.unhealthy, failed);
    const fresh = (): Encoded => encodeChecked(serviceRecordOf(service, input.site, new Set(failed)));
    sources.set(service.key, {
      service,
      site: input.site,
      unhealthy: failed,
      record: isSame ? before.record : fresh(),
    });
  }
  const fixed = [clusterRecordOf(input.site), ...input.gateways, input.chain].map(encodeChecked);
  const encoded = [...fixed, ...[...sources.values()].map((source) => source.record)];
  const records = new Map(encoded.flatMap((entry) => ('bytes' in entry ? [[entry.key, entry.bytes] as const] : [])));
  const findings = encoded.flatMap((entry) => ('finding' in entry ? [entry.finding] : []));
  const kept = previous === undefined ? records : keepIdentity(records, previous.records);
  return { records: kept, findings, sources };
}

/** Others verify the chain, read the word and let this cluster go: gateways and services are gone with it. */
function goodbye(input: OwnInput, previous: OwnPlan | undefined): OwnPlan {
  const fixed = [{ ...clusterRecordOf(input.site), goodbye: true as const }, input.chain].map(encodeChecked);
  const records = new Map(fixed.flatMap((entry) => ('bytes' in entry ? [[entry.key, entry.bytes] as const] : [])));
  const kept = previous === undefined ? records : keepIdentity(records, previous.records);
  return { records: kept, findings: [], sources: new Map() };
}

function clusterRecordOf(site: OwnSite): ClusterRecord {
  return {
    kind: 'cluster',
    schema: RECORD_SCHEMA,
    network: site.network,
    region: site.region,
    zone: site.zone,
    softwareVersion: site.softwareVersion,
    schemaRange: [RECORD_SCHEMA_MIN, RECORD_SCHEMA],
    capabilities: [],
    transit: false,
  };
}

function serviceRecordOf(service: LocalService, site: OwnSite, unhealthy: ReadonlySet<string>): ServiceRecord {
  return {
    kind: 'service',
    namespace: service.namespace,
    name: service.name,
    type: service.type,
    ports: service.ports,
    sessionAffinity: service.sessionAffinity,
    sessionAffinityTimeoutS: service.sessionAffinityTimeoutS,
    internalTrafficPolicy: service.internalTrafficPolicy,
    trafficDistribution: service.trafficDistribution,
    exportedAtMs: service.exportedAtMs,
    labels: service.labels,
    annotations: service.annotations,
    ready: readyWeights(service, site, unhealthy),
    endpoints: site.directPods === true ? directEndpoints(service, site) : undefined,
    grantedTo: service.grantedTo,
  };
}

/** Ready endpoints per port and zone. Ports and zones without any are left out, so that the record stays small. */
function readyWeights(service: LocalService, site: OwnSite, unhealthy: ReadonlySet<string>): readonly ReadyWeight[] {
  const weights: ReadyWeight[] = [];
  for (const port of new Set(service.ports.map((entry) => entry.port))) {
    const byZone = new Map<string | undefined, number>();
    for (const endpoint of service.endpoints) {
      if (!isReady(service.key, port, endpoint, unhealthy)) continue;
      const zone = endpoint.zone ?? site.zone;
      byZone.set(zone, (byZone.get(zone) ?? 0) + 1);
    }
    for (const [zone, ready] of byZone) weights.push({ port, region: site.region, zone, ready });
  }
  return weights.sort((left, right) => left.port - right.port || compareText(left.zone ?? '', right.zone ?? ''));
}

/** Sorted, so that equal knowledge gives equal bytes. Past the limit none: half of a service would get all of its traffic. */
function directEndpoints(service: LocalService, site: OwnSite): readonly RecordEndpoint[] | undefined {
  const ready = service.endpoints.filter((endpoint) => endpoint.ready);
  if (ready.length > RECORD_ENDPOINTS_MAX) return undefined;
  return ready
    .map(({ address, hostname, zone, ports }) => ({
      address,
      hostname,
      zone: zone ?? site.zone,
      ports: service.ports.map(({ port }) => ports[port] ?? 0),
    }))
    .sort(
      (left, right) => compareText(left.address, right.address) || compareText(left.ports.join(), right.ports.join()),
    );
}

function isReady(key: ServiceKey, port: number, endpoint: LocalEndpoint, unhealthy: ReadonlySet<string>): boolean {
  const endpointPort = endpoint.ports[port];
  if (!endpoint.ready || endpointPort === undefined) return false;
  return !unhealthy.has(endpointHealthKey(key, port, endpoint.address, endpointPort));
}

/** Judged as a reader would: one export that breaks a limit must not cost the cluster all of its exports. */
function encodeChecked(record: FederationRecord): Encoded {
  const bytes = encodeRecord(record);
  const key = recordKeyOf(record);
  const read = decodeRecord(key, bytes, DEFAULT_RECORD_LIMITS);
  if (read.ok) return { key, bytes };
  return { finding: { severity: 'error', reason: read.reason, message: `not published: ${read.message}` } };
}

function groupByService(unhealthy: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const entry of [...unhealthy].sort(compareText)) {
    // The service key has no colon, so that the first one ends it even before an IPv6 address.
    const service = entry.slice(0, entry.indexOf(':'));
    const group = groups.get(service) ?? [];
    group.push(entry);
    groups.set(service, group);
  }
  return groups;
}

function keepIdentity(records: RecordSet, previous: RecordSet): RecordSet {
  let isSame = records.size === previous.size;
  const kept = new Map<RecordKey, RecordBytes>();
  for (const [key, bytes] of records) {
    const old = previous.get(key);
    const isKept = old !== undefined && sameBytes(old, bytes);
    isSame &&= isKept;
    kept.set(key, isKept ? old : bytes);
  }
  return isSame ? previous : kept;
}
