import { decodeRecord } from '../../federation/model/decode.ts';
import { decodeHead } from '../../federation/model/head-codec.ts';
import type { HeadOrder } from '../../federation/model/head.ts';
import { type ClusterId, compareText } from '../../federation/model/ids.ts';
import { kindOfKey, type RecordKind } from '../../federation/model/record-keys.ts';
import { DEFAULT_RECORD_LIMITS, type RecordSet } from '../../federation/model/records.ts';
import type { StoredCluster, StoredRoster } from '../../federation/store/contract.ts';
import type { StoreBoards } from '../../federation/store/inspect.ts';
import type { Checked, Roster } from '../../trust/contract.ts';
import { type JudgedRoster, type JudgeInit, judgeCluster, judgeRoster, rosterInForce } from './judge.ts';

/** What is in a store, as the object that `isthmus store dump -o json` prints. A function of what was read. */
export interface StoreContents {
  /** As it may be shown. */
  readonly store: string;
  readonly roster: StoredRoster | undefined;
  /** Why the store's roster cannot be read, when there is something in its place. */
  readonly rosterProblem?: string | undefined;
  readonly clusters: ReadonlyMap<ClusterId, StoredCluster>;
  /** Clusters whose data cannot be read, and why. */
  readonly unreadable?: ReadonlyMap<ClusterId, string> | undefined;
  /** Absent where the store, or the login, does not show them. */
  readonly boards: StoreBoards | undefined;
}

export interface StoreDump {
  readonly apiVersion: 'isthmus.dev/v1alpha1';
  readonly kind: 'StoreDump';
  readonly store: string;
  readonly roster: DumpedRoster;
  readonly clusters: readonly DumpedCluster[];
  readonly boards?: StoreBoards | undefined;
}

export interface DumpedRoster {
  readonly version?: number | undefined;
  readonly verified: boolean;
  /** False: judged by its own root, because this machine has no site that knows the right one. */
  readonly pinned: boolean;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly members: number;
  readonly bytes: number;
  /** That this site knows, when it is newer: the store lags behind, or holds rosters back. */
  readonly knownVersion?: number | undefined;
}

export interface DumpedCluster {
  readonly cluster: ClusterId;
  readonly member: string;
  /** Absent when it cannot be read. */
  readonly order?: HeadOrder | undefined;
  /** By the writer's clock; absent when the head cannot be read. */
  readonly issuedAt?: string | undefined;
  readonly ageSeconds?: number | undefined;
  readonly rosterSeen?: number | undefined;
  readonly records: Readonly<Record<RecordKind | 'other', number>>;
  readonly bytes: number;
  readonly verified: boolean;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly contents?: readonly DumpedRecord[] | undefined;
}

export interface DumpedRecord {
  readonly key: string;
  readonly bytes: number;
  /** Decoded. */
  readonly value?: unknown;
  /** Why it could not be. */
  readonly problem?: string | undefined;
}

export interface DumpInit extends JudgeInit {
  /** Clusters whose records are shown too. */
  readonly whole: ReadonlySet<ClusterId>;
}

export function dumpStore(contents: StoreContents, init: DumpInit): StoreDump {
  const judged = judgeRoster(contents.roster, init);
  const roster = rosterInForce(judged, init);
  const dumped = [
    ...[...contents.clusters].map(([cluster, stored]) => dumpCluster(cluster, stored, { ...init, roster })),
    ...[...(contents.unreadable ?? [])].map(([cluster, why]) => dumpUnreadable(cluster, why, roster)),
  ];
  return {
    apiVersion: 'isthmus.dev/v1alpha1',
    kind: 'StoreDump',
    store: contents.store,
    roster: dumpRoster(judged, { known: init.known, problem: contents.rosterProblem }),
    clusters: dumped.sort((left, right) => compareText(left.cluster, right.cluster)),
    boards: contents.boards,
  };
}

function dumpRoster(
  { stored, verdict, pinned, bytes }: JudgedRoster,
  { known, problem }: { readonly known: Roster | undefined; readonly problem: string | undefined },
): DumpedRoster {
  const inside = verdict?.ok === true ? verdict.value : undefined;
  const version = inside?.version ?? stored;
  const isBehind = known !== undefined && known.version > (inside?.version ?? 0);
  return {
    version,
    verified: inside !== undefined,
    pinned,
    ...refusalOf(
      verdict ?? (problem === undefined ? NO_ROSTER : { ok: false, reason: 'Unreadable', message: problem }),
    ),
    members: inside?.members.length ?? 0,
    bytes,
    ...(isBehind ? { knownVersion: known.version } : {}),
  };
}

const NO_ROSTER = { ok: false, reason: 'NoRoster', message: 'the store has no roster' } as const;
const NO_RECORDS = { cluster: 0, gateway: 0, service: 0, chain: 0, other: 0 };

function dumpUnreadable(cluster: ClusterId, message: string, roster: Roster | undefined): DumpedCluster {
  const member = statusOf(cluster, roster);
  return { cluster, member, records: NO_RECORDS, bytes: 0, verified: false, reason: 'Unreadable', message };
}

function statusOf(cluster: ClusterId, roster: Roster | undefined): string {
  return roster?.members.find((member) => member.cluster === cluster)?.status ?? 'none';
}

function dumpCluster(
  cluster: ClusterId,
  stored: StoredCluster,
  init: DumpInit & { readonly roster: Roster | undefined },
): DumpedCluster {
  const head = decodeHead(stored.head.bytes);
  const verdict = judgeCluster(cluster, stored, init);
  let bytes = stored.head.bytes.byteLength;
  const records = { ...NO_RECORDS };
  for (const [key, value] of stored.records) {
    records[kindOfKey(key) ?? 'other'] += 1;
    bytes += value.byteLength;
  }
  return {
    cluster,
    member: statusOf(cluster, init.roster),
    order: stored.order,
    ...(head.ok ? timesOf(head.value, init.atMs) : {}),
    records,
    bytes,
    verified: verdict.ok,
    ...refusalOf(verdict),
    ...(init.whole.has(cluster) ? { contents: dumpRecords(stored.records) } : {}),
  };
}

function timesOf(head: { readonly issuedAtMs: number; readonly rosterSeen: number }, atMs: number) {
  const issued = new Date(head.issuedAtMs);
  // Its writer may have named any number, also one that is no date.
  if (Number.isNaN(issued.getTime())) return { rosterSeen: head.rosterSeen };
  const ageSeconds = Math.round((atMs - head.issuedAtMs) / 1000);
  return { issuedAt: issued.toISOString(), ageSeconds, rosterSeen: head.rosterSeen };
}

function dumpRecords(records: RecordSet): readonly DumpedRecord[] {
  return [...records]
    .sort(([left], [right]) => compareText(left, right))
    .map(([key, bytes]) => {
      const decoded = decodeRecord(key, bytes, DEFAULT_RECORD_LIMITS);
      const size = { key, bytes: bytes.byteLength };
      return decoded.ok ? { ...size, value: decoded.value } : { ...size, problem: decoded.message };
    });
}

function refusalOf(verdict: Checked<unknown>): { readonly reason?: string; readonly message?: string } {
  return verdict.ok ? {} : { reason: verdict.reason, message: verdict.message };
}
