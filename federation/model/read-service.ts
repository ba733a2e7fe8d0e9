import { isDnsLabel } from './ids.ts';
import {
  ANNOTATION_CHARS_MAX,
  EPOCH_MS_MAX,
  GRANTS_MAX,
  LABEL_VALUE,
  LABELS_MAX,
  PRINTABLE,
  QUALIFIED_NAME,
  QUALIFIED_NAME_CHARS_MAX,
  READY_MAX,
} from './record-schemas.ts';
import type { ReadyWeight, ServicePort, ServiceRecord } from './records.ts';
import { RECORD_SCHEMA } from './records.ts';

/**
 * The quick way to read a service: a clusterset has a hundred thousand of them, and a start must judge them all. It says
 * yes only to what `recordSchema` takes and RFC 8785 orders, with the same outcome; to anything that it does not know
 * at sight it says nothing, and the schema decides and finds the words. A property test compares the two.
 */
type Fields = Readonly<Record<string, unknown>>;

const SERVICE_FIELDS = new Set([
  'annotations',
  'exportedAtMs',
  'grantedTo',
  'internalTrafficPolicy',
  'kind',
  'labels',
  'name',
  'namespace',
  'ports',
  'ready',
  'schema',
  'sessionAffinity',
  'sessionAffinityTimeoutS',
  'trafficDistribution',
  'type',
]);
const PORT_FIELDS = new Set(['appProtocol', 'name', 'port', 'protocol']);
const READY_FIELDS = new Set(['port', 'ready', 'region', 'zone']);
/** Longer lists are compared pairwise nowhere but in the schema, which uses a set. */
const LIST_MAX = 16;
const PORT_MAX = 65_535;
const LOCALITY_CHARS_MAX = 63;
const WORD_CHARS_MAX = 64;
const AFFINITY_TIMEOUT_S_MAX = 86_400;

/** `value`: what JSON.parse made. Its lists and maps are taken over, not copied. */
export function readService(value: unknown): ServiceRecord | undefined {
  if (!isFields(value, SERVICE_FIELDS) || value['kind'] !== 'service') return undefined;
  const { schema, namespace, name, type, sessionAffinity, exportedAtMs, labels, annotations, ports, ready } = value;
  const sound =
    isWhole(schema, 1, RECORD_SCHEMA) &&
    isLabel(namespace) &&
    isLabel(name) &&
    isServiceType(type) &&
    isAffinity(sessionAffinity) &&
    isWhole(exportedAtMs, 0, EPOCH_MS_MAX) &&
    isTextMap(labels, isLabelValue) &&
    isTextMap(annotations, isAnnotation) &&
    arePorts(ports) &&
    areWeights(ready, ports);
  if (!sound) return undefined;
  const record = {
    kind: 'service' as const,
    namespace,
    name,
    type,
    ports,
    sessionAffinity,
    exportedAtMs,
    labels,
    annotations,
    ready,
  };
  return withOptional(record, value);
}

/** Absent fields stay absent. */
function withOptional(record: ServiceRecord, value: Fields): ServiceRecord | undefined {
  const { sessionAffinityTimeoutS, internalTrafficPolicy, trafficDistribution, grantedTo } = value;
  const plain =
    sessionAffinityTimeoutS === undefined &&
    internalTrafficPolicy === undefined &&
    trafficDistribution === undefined &&
    grantedTo === undefined;
  if (plain) return record;
  if (sessionAffinityTimeoutS !== undefined && !isWhole(sessionAffinityTimeoutS, 1, AFFINITY_TIMEOUT_S_MAX))
    return undefined;
  if (internalTrafficPolicy !== undefined && internalTrafficPolicy !== 'Cluster' && internalTrafficPolicy !== 'Local') {
    return undefined;
  }
  if (trafficDistribution !== undefined && !isWord(trafficDistribution)) return undefined;
  if (grantedTo !== undefined && !areLabels(grantedTo)) return undefined;
  return {
    ...record,
    ...(sessionAffinityTimeoutS === undefined ? {} : { sessionAffinityTimeoutS }),
    ...(internalTrafficPolicy === undefined ? {} : { internalTrafficPolicy }),
    ...(trafficDistribution === undefined ? {} : { trafficDistribution }),
    // The names were checked with the function that makes them (`isDnsLabel`).
    ...(grantedTo === undefined ? {} : { grantedTo: grantedTo as ServiceRecord['grantedTo'] }),
  };
}

/** An object with none but these fields, in the order of RFC 8785. */
function isFields(value: unknown, known: ReadonlySet<string>): value is Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  let last = '';
  for (const key in value) {
    if (key <= last || !known.has(key)) return false;
    last = key;
  }
  return true;
}

function isServiceType(value: unknown): value is ServiceRecord['type'] {
  return value === 'ClusterSetIP' || value === 'Headless';
}

function isAffinity(value: unknown): value is ServiceRecord['sessionAffinity'] {
  return value === 'None' || value === 'ClientIP';
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
}

function isLabel(value: unknown): value is string {
  return typeof value === 'string' && isDnsLabel(value);
}

function isLabelValue(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LOCALITY_CHARS_MAX && LABEL_VALUE.test(value);
}

function isAnnotation(value: unknown): boolean {
  return typeof value === 'string' && value.length <= ANNOTATION_CHARS_MAX && value.isWellFormed();
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value.length <= WORD_CHARS_MAX && PRINTABLE.test(value);
}

function isTextMap(value: unknown, isValue: (value: unknown) => boolean): value is Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  // Read as a dictionary of unknown values; each is checked below.
  const map = value as Fields;
  let last = '';
  let size = 0;
  for (const key in map) {
    const sound = key > last && key.length <= QUALIFIED_NAME_CHARS_MAX && QUALIFIED_NAME.test(key) && isValue(map[key]);
    size += 1;
    if (!sound || size > LABELS_MAX) return false;
    last = key;
  }
  return true;
}

function areLabels(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= GRANTS_MAX && value.every(isLabel);
}

function arePorts(value: unknown): value is readonly ServicePort[] {
  if (!Array.isArray(value) || value.length > LIST_MAX) return false;
  // Each is checked in the loop before anything is read from it.
  const ports = value as readonly ServicePort[];
  for (const [index, port] of ports.entries()) {
    if (!isPort(port) || (port.name === '' && ports.length !== 1)) return false;
    for (let other = 0; other < index; other += 1) {
      const before = ports[other];
      if (before?.name === port.name || (before?.port === port.port && before.protocol === port.protocol)) return false;
    }
  }
  return true;
}

function isPort(value: unknown): boolean {
  if (!isFields(value, PORT_FIELDS)) return false;
  const { appProtocol, name, port, protocol } = value;
  return (
    (name === '' || isLabel(name)) &&
    isWhole(port, 1, PORT_MAX) &&
    (protocol === 'TCP' || protocol === 'UDP') &&
    (appProtocol === 'http' || appProtocol === 'http2' || appProtocol === 'grpc' || appProtocol === 'tcp')
  );
}

function areWeights(value: unknown, ports: readonly ServicePort[]): value is readonly ReadyWeight[] {
  if (!Array.isArray(value) || value.length > LIST_MAX) return false;
  // Each is checked in the loop before anything is read from it.
  const weights = value as readonly ReadyWeight[];
  for (const [index, weight] of weights.entries()) {
    if (!isWeight(weight) || !ports.some(({ port }) => port === weight.port)) return false;
    for (let other = 0; other < index; other += 1) if (isSamePlace(weights[other], weight)) return false;
  }
  return true;
}

function isWeight(value: unknown): boolean {
  if (!isFields(value, READY_FIELDS)) return false;
  const { port, ready, region, zone } = value;
  return isWhole(port, 1, PORT_MAX) && isWhole(ready, 0, READY_MAX) && isLocality(region) && isLocality(zone);
}

function isLocality(value: unknown): boolean {
  return value === undefined || (value !== '' && isLabelValue(value));
}

function isSamePlace(left: ReadyWeight | undefined, right: ReadyWeight): boolean {
  return left?.port === right.port && left.region === right.region && left.zone === right.zone;
}
