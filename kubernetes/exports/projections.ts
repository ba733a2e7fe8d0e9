import type { LocalService } from '../../federation/model/local.ts';
import { EPOCH_MS_MAX } from '../../federation/model/record-schemas.ts';
import type { ServicePort } from '../../federation/model/records.ts';
import type {
  NamespaceObject,
  ObjectMeta,
  ServiceExportObject,
  ServiceObject,
  ServicePortObject,
} from '../api/objects.ts';
import { IMPORT_NAME_LABEL } from '../names.ts';
import { appProtocolOf } from './app-protocol.ts';

/**
 * What is kept of each object that says something about exports. A cluster has many more Services than exports, and all
 * of them are watched: what is not needed to judge an export is let go before anything is stored.
 */
export type IpFamily = 'IPv4' | 'IPv6';

export interface SlimService {
  /** `Derived`: one of ours, which stands for an import. */
  readonly type: LocalService['type'] | 'ExternalName' | 'Derived';
  /** Being deleted. */
  readonly leaving: boolean;
  readonly ports: readonly ServicePort[];
  /** Ports that gateways do not carry, as people name them: `sctp 9/SCTP`. */
  readonly notCarried: readonly string[];
  /** In the Service's order of preference. */
  readonly families: readonly IpFamily[];
  readonly sessionAffinity: LocalService['sessionAffinity'];
  readonly sessionAffinityTimeoutS?: number | undefined;
  readonly internalTrafficPolicy?: LocalService['internalTrafficPolicy'];
  readonly trafficDistribution?: string | undefined;
}

export interface SlimExport {
  readonly uid: string;
  readonly generation: number;
  readonly exportedAtMs: number;
  /** Being deleted. */
  readonly leaving: boolean;
  /** As written: limits are applied where the export is judged, so that its status can tell of them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export type NamespaceState = 'active' | 'terminating';

const DERIVED: SlimService = {
  type: 'Derived',
  leaving: false,
  ports: [],
  notCarried: [],
  families: [],
  sessionAffinity: 'None',
};
const NOTHING: Readonly<Record<string, string>> = {};

/**
 * `publishNotReadyAddresses` is not kept: the controller that writes the slices turns it into `ready: true`, and like
 * kube-proxy we believe the slices.
 */
export function projectService({ metadata, spec = {} }: ServiceObject): SlimService {
  if (metadata.labels?.[IMPORT_NAME_LABEL] !== undefined) return DERIVED;
  const ports = spec.ports ?? [];
  return {
    type: typeOf(spec),
    leaving: isLeaving(metadata),
    ports: ports.filter(isCarried).map(toPort),
    notCarried: ports.filter((port) => !isCarried(port)).map(portText),
    families: (spec.ipFamilies ?? []).filter(isFamily),
    sessionAffinity: spec.sessionAffinity ?? 'None',
    sessionAffinityTimeoutS: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds,
    internalTrafficPolicy: spec.internalTrafficPolicy,
    trafficDistribution: spec.trafficDistribution,
  };
}

export function projectExport({ metadata, spec = {} }: ServiceExportObject): SlimExport {
  return {
    uid: metadata.uid ?? '',
    generation: metadata.generation ?? 0,
    exportedAtMs: createdAtMs(metadata),
    leaving: isLeaving(metadata),
    labels: spec.exportedLabels ?? NOTHING,
    annotations: spec.exportedAnnotations ?? NOTHING,
  };
}

export function projectNamespace({ metadata, status }: NamespaceObject): NamespaceState {
  return isLeaving(metadata) || status?.phase === 'Terminating' ? 'terminating' : 'active';
}

/** The oldest export decides conflicts, so one without a time is taken for the newest. */
export function createdAtMs({ creationTimestamp }: ObjectMeta): number {
  const atMs = Date.parse(creationTimestamp ?? '');
  return atMs >= 0 ? atMs : EPOCH_MS_MAX;
}

function isLeaving({ deletionTimestamp }: ObjectMeta): boolean {
  return deletionTimestamp !== undefined;
}

function typeOf(spec: NonNullable<ServiceObject['spec']>): SlimService['type'] {
  if (spec.type === 'ExternalName') return 'ExternalName';
  return spec.clusterIP === 'None' ? 'Headless' : 'ClusterSetIP';
}

function isFamily(text: string): text is IpFamily {
  return text === 'IPv4' || text === 'IPv6';
}

type CarriedPort = ServicePortObject & { readonly protocol?: 'TCP' | 'UDP' };

function isCarried(port: ServicePortObject): port is CarriedPort {
  return port.protocol !== 'SCTP';
}

function toPort(port: CarriedPort): ServicePort {
  const protocol = port.protocol ?? 'TCP';
  return { name: port.name ?? '', protocol, port: port.port, appProtocol: appProtocolOf(port) };
}

function portText({ name = '', port, protocol = 'TCP' }: ServicePortObject): string {
  return name === '' ? `${port}/${protocol}` : `${name} ${port}/${protocol}`;
}
