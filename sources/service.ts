import { type ClusterId, parseClusterId, type ServiceKey, serviceKey } from '../federation/model/ids.ts';
import type { LocalEndpoint, LocalService } from '../federation/model/local.ts';
import type { AppProtocol, ServicePort } from '../federation/model/records.ts';
import type { Finding } from '../runtime/errors.ts';
import { serviceProblems } from './service-checks.ts';
import { SERVICE_SCHEMA, type ServiceDocument } from './service-schema.ts';
import type { SourceDocument } from './documents/parse.ts';
import { validate } from './documents/validate.ts';

/** A `Service` document to the model's `LocalService`. Pure. */

/** A service as its file tells it: when the export was made may be unknown here. */
export interface FileService {
  readonly service: Omit<LocalService, 'exportedAtMs'>;
  readonly exportedAtMs: number | undefined;
  readonly file: string;
  readonly line: number;
}

export interface ReadService {
  readonly service: FileService | undefined;
  readonly findings: readonly Finding[];
}

export function readService(document: SourceDocument): ReadService {
  const crossChecks = serviceProblems(document);
  const result = validate(SERVICE_SCHEMA, document);
  if (!result.ok) return { service: undefined, findings: [...result.findings, ...crossChecks] };
  if (crossChecks.length > 0) return { service: undefined, findings: crossChecks };
  return { service: toFileService(result.value, document), findings: [] };
}

function toFileService(value: ServiceDocument, document: SourceDocument): FileService {
  const { metadata, spec } = value;
  const { exportedAt } = spec;
  return {
    service: {
      key: keyOf(value),
      namespace: metadata.namespace,
      name: metadata.name,
      type: spec.type,
      ports: spec.ports.map(toPort),
      sessionAffinity: spec.sessionAffinity,
      sessionAffinityTimeoutS: spec.sessionAffinityTimeoutSeconds,
      internalTrafficPolicy: spec.internalTrafficPolicy,
      trafficDistribution: spec.trafficDistribution,
      labels: metadata.labels,
      annotations: metadata.annotations,
      grantedTo: grants(spec.grantedTo),
      exported: spec.export,
      endpoints: spec.endpoints.map((endpoint) => toEndpoint(endpoint, spec.ports)),
      healthCheck: toHealthCheck(spec.healthCheck),
    },
    exportedAtMs: exportedAt === undefined ? undefined : Date.parse(exportedAt),
    file: document.file,
    line: document.line,
  };
}

function keyOf(value: ServiceDocument): ServiceKey {
  return serviceKey(value.metadata.namespace, value.metadata.name);
}

type PortDocument = ServiceDocument['spec']['ports'][number];
type EndpointDocument = ServiceDocument['spec']['endpoints'][number];

function toPort(port: PortDocument): ServicePort {
  return { name: port.name ?? '', protocol: port.protocol, port: port.port, appProtocol: appProtocolOf(port) };
}

/** Like Istio and Kubernetes' own convention: the field, else the first part of the port's name, else opaque TCP. */
export function appProtocolOf(port: {
  readonly appProtocol?: string | undefined;
  readonly name?: string | undefined;
}): AppProtocol {
  return APP_PROTOCOLS.get(port.appProtocol ?? port.name?.split('-')[0] ?? '') ?? 'tcp';
}

const APP_PROTOCOLS: ReadonlyMap<string, AppProtocol> = new Map([
  ['http', 'http'],
  ['http2', 'http2'],
  ['h2c', 'http2'],
  ['grpc', 'grpc'],
]);

function toEndpoint(endpoint: EndpointDocument, ports: readonly PortDocument[]): LocalEndpoint {
  const own = endpoint.ports ?? {};
  const entries = ports.map(({ name, port, targetPort }): [number, number] => {
    const byName = name === undefined ? undefined : own[name];
    return [port, byName ?? own[String(port)] ?? targetPort ?? port];
  });
  return {
    address: endpoint.address,
    ports: Object.fromEntries(entries),
    ready: endpoint.ready,
    zone: endpoint.zone,
  };
}

function toHealthCheck(check: ServiceDocument['spec']['healthCheck']): LocalService['healthCheck'] {
  if (check === undefined) return undefined;
  return {
    type: check.type,
    path: check.type === 'http' ? (check.path ?? '/') : undefined,
    intervalMs: check.interval,
    timeoutMs: check.timeout,
  };
}

function grants(clusters: readonly string[] | undefined): readonly ClusterId[] | undefined {
  if (clusters === undefined) return undefined;
  return [...new Set(clusters)].toSorted().map(parseClusterId);
}
