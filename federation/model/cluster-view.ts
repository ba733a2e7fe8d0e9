import type { Checked } from '../../trust/contract.ts';
import { decodeRecord } from './decode.ts';
import type { RecordChange } from './diff.ts';
import { diffRecords } from './diff.ts';
import type { Head } from './head.ts';
import type { ServiceKey } from './ids.ts';
import { compareText, serviceKey } from './ids.ts';
import { CLUSTER_KEY, gatewayKey, kindOfKey, serviceRecordKey } from './record-keys.ts';
import type {
  ClusterRecord,
  FederationRecord,
  GatewayRecord,
  RecordKey,
  RecordLimits,
  RecordSet,
  ServiceRecord,
} from './records.ts';
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
  const services = nextServices(previous?.services ?? new Map(), change.puts.filter(isServiceRecord), deleted);
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
  deleted: ReadonlySet<RecordKey>,
): ReadonlyMap<ServiceKey, ServiceRecord> {
  const gone = [...before.keys()].filter((key) => deleted.has(serviceRecordKey(key)));
  if (puts.length === 0 && gone.length === 0) return before;
  const after = new Map(before);
  for (const key of gone) after.delete(key);
  for (const service of puts) after.set(serviceKey(service.namespace, service.name), service);
  // Replaced entries stay where they are; only a new name can break the order.
  const hasNew = after.size > before.size - gone.length;
  return hasNew ? new Map([...after].sort(byKey)) : after;
}

function byKey(left: readonly [string, unknown], right: readonly [string, unknown]): number {
  return compareText(left[0], right[0]);
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
