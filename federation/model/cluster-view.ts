import type { Checked } from '../../trust/contract.ts';
import { decodeRecord } from './decode.ts';
import type { RecordChange } from './diff.ts';
import { diffRecords } from './diff.ts';
import type { Head } from './head.ts';
import type { ServiceKey } from './ids.ts';
import { compareText } from './ids.ts';
import { CLUSTER_KEY, gatewayKey, kindOfKey } from './record-keys.ts';
import type {
  ClusterRecord,
  FederationRecord,
  GatewayRecord,
  RecordKey,
  RecordLimits,
  RecordSet,
  ServiceRecord,
} from './records.ts';
import { SortedMap } from './sorted-map.ts';
import type { ClusterView } from './state.ts';

/**
 * From records to what one cluster says. A change decodes and replaces only what it names; everything else keeps its
 * identity, so that the merge behind it has nothing to do for it.
 */
export interface DecodedChange {
  readonly puts: readonly FederationRecord[];
  readonly deletes: readonly RecordKey[];
}

export interface RecordProblem {
  readonly key: RecordKey;
  readonly reason: string;
  readonly message: string;
}

const NO_SERVICES: ReadonlyMap<ServiceKey, ServiceRecord> = SortedMap.empty();

/** Decodes the changed records. Kinds that this version does not know are passed over: a newer peer may have them. */
export function decodeChange(
  change: RecordChange,
  limits: RecordLimits,
): { readonly decoded: DecodedChange; readonly problems: readonly RecordProblem[] } {
  const puts: FederationRecord[] = [];
  const problems: RecordProblem[] = [];
  for (const [key, bytes] of change.puts) {
    if (kindOfKey(key) === undefined) continue;
    const record = decodeRecord(key, bytes, limits);
    if (record.ok) puts.push(record.value);
    else problems.push({ key, reason: record.reason, message: record.message });
  }
  return { decoded: { puts, deletes: change.deletes }, problems };
}

/** The view after a change to `previous` (or to nothing). Fails with `NoClusterRecord`: every cluster says what it is. */
export function buildClusterView(
  input: { readonly head: Head; readonly joinedAtMs: number; readonly change: DecodedChange },
  previous?: ClusterView,
): Checked<ClusterView> {
  const { head, joinedAtMs, change } = input;
  const deleted = new Set(change.deletes);
  const info = change.puts.find(isClusterRecord) ?? (deleted.has(CLUSTER_KEY) ? undefined : previous?.info);
  if (info === undefined) {
    return { ok: false, reason: 'NoClusterRecord', message: 'the cluster record is missing' };
  }
  const gateways = nextGateways(previous?.gateways ?? [], change.puts.filter(isGatewayRecord), deleted);
  const services = nextServices(previous?.services ?? NO_SERVICES, change.puts.filter(isServiceRecord), change.deletes);
  const isSame =
    previous !== undefined &&
    previous.head === head &&
    previous.joinedAtMs === joinedAtMs &&
    previous.info === info &&
    previous.gateways === gateways &&
    previous.services === services;
  if (isSame) return { ok: true, value: previous };
  return { ok: true, value: { cluster: head.cluster, head, joinedAtMs, info, gateways, services } };
}

/**
 * The view of records that need no accept rule, because they are the cluster's own. Decodes only what differs from
 * `previous`; the first record that does not decode is the reason of the refusal.
 */
export function viewOfRecords(
  input: {
    readonly head: Head;
    readonly joinedAtMs: number;
    readonly records: RecordSet;
    readonly limits: RecordLimits;
  },
  previous?: { readonly view: ClusterView; readonly records: RecordSet },
): Checked<ClusterView> {
  const change = diffRecords(previous?.records ?? new Map(), input.records);
  const { decoded, problems } = decodeChange(change, input.limits);
  const [problem] = problems;
  if (problem !== undefined) return { ok: false, reason: problem.reason, message: problem.message };
  return buildClusterView({ head: input.head, joinedAtMs: input.joinedAtMs, change: decoded }, previous?.view);
}

function nextGateways(
  before: readonly GatewayRecord[],
  puts: readonly GatewayRecord[],
  deleted: ReadonlySet<RecordKey>,
): readonly GatewayRecord[] {
  const replaced = new Set(puts.map((gateway) => gateway.name));
  const kept = before.filter((gateway) => !deleted.has(gatewayKey(gateway.name)) && !replaced.has(gateway.name));
  if (puts.length === 0 && kept.length === before.length) return before;
  return [...kept, ...puts].sort((left, right) => compareText(left.name, right.name));
}

function nextServices(
  before: ReadonlyMap<ServiceKey, ServiceRecord>,
  puts: readonly ServiceRecord[],
  deletes: readonly RecordKey[],
): ReadonlyMap<ServiceKey, ServiceRecord> {
  // As they come with a whole set, in the order of their keys: nothing to look for.
  if (before.size === 0) return puts.length === 0 ? before : SortedMap.from(puts.map(keyed));
  const edit = new Map<ServiceKey, ServiceRecord | undefined>();
  for (const key of deletes) if (kindOfKey(key) === 'service') edit.set(serviceOf(key), undefined);
  for (const service of puts) edit.set(...keyed(service));
  return edit.size === 0 ? before : SortedMap.from(before).with(edit);
}

/** The key of a record of this kind is `service/` and the key of the service. */
function serviceOf(key: RecordKey): ServiceKey {
  return key.slice('service/'.length) as ServiceKey;
}

/** Names were checked with the record, and nothing but them can be in its key. */
function keyed(service: ServiceRecord): [ServiceKey, ServiceRecord] {
  return [`${service.namespace}/${service.name}` as ServiceKey, service];
}

function isClusterRecord(record: FederationRecord): record is ClusterRecord {
  return record.kind === 'cluster';
}

function isGatewayRecord(record: FederationRecord): record is GatewayRecord {
  return record.kind === 'gateway';
}

function isServiceRecord(record: FederationRecord): record is ServiceRecord {
  return record.kind === 'service';
}
