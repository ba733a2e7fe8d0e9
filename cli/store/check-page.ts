import type { CheckFinding } from '../../federation/store/check-finding.ts';
import type { LatencyFacts, NodeFacts, RedisFacts } from '../../federation/store/redis/check-facts.ts';
import { oneLine } from '../output/findings.ts';
import { type Column, formatTable } from '../output/table.ts';

/** What `isthmus store check` found, as the object of `-o json`, and the page for people. */
export interface StoreCheck {
  readonly apiVersion: 'isthmus.dev/v1alpha1';
  readonly kind: 'StoreCheck';
  readonly stores: readonly CheckedStore[];
}

export interface CheckedStore {
  /** Without secrets. */
  readonly store: string;
  /** No finding is an error. */
  readonly ok: boolean;
  readonly findings: readonly CheckFinding[];
  /** Of Redis and Valkey. */
  readonly redis?: RedisFacts | undefined;
  readonly contents?: ContentFacts | undefined;
  readonly latency?: LatencyFacts | undefined;
}

export interface ContentFacts {
  readonly rosterVersion?: number | undefined;
  readonly clusters: number;
  readonly records: number;
  readonly bytes: number;
}

export function checkPage({ stores }: StoreCheck): string {
  return stores.map(storePart).join('\n');
}

function storePart({ store, findings, redis, contents, latency = redis?.latency }: CheckedStore): string {
  const lines = [
    row('Store', store),
    ...(redis?.nodes.map((node) => row('Server', serverText(node))) ?? []),
    ...(redis === undefined ? [] : [row('Login', `${redis.user}, ${redis.isTls ? 'TLS' : 'in the clear'}`)]),
    ...(latency === undefined ? [] : [row('Latency', latencyText(latency))]),
    ...(contents === undefined ? [] : [row('Contents', contentText(contents))]),
  ];
  const found = findings.length === 0 ? 'nothing to complain about\n' : formatTable(FINDINGS, findings);
  return `${lines.map((line) => `${oneLine(line)}\n`).join('')}\n${found}`;
}

const FINDINGS: readonly Column<CheckFinding>[] = [
  { header: 'SEVERITY', cell: ({ severity }) => severity },
  { header: 'REASON', cell: ({ reason }) => reason },
  { header: 'MESSAGE', cell: ({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`) },
];

function serverText({ place, product, version, role, replicas, memory, persistence }: NodeFacts): string {
  const kind = role === 'master' ? `primary with ${replicas === 1 ? '1 replica' : `${replicas} replicas`}` : role;
  const limit = memory.maxBytes === 0 ? ', no limit' : ` of ${mebibytes(memory.maxBytes)}`;
  const disk = persistence.hasAppendOnlyFile ? ', append-only file' : '';
  return `${place}, ${product} ${version}, ${kind}, ${mebibytes(memory.usedBytes)}${limit}, ${memory.policy}${disk}`;
}

function latencyText({ pingP50Ms, pingP99Ms, transactionP50Ms, transactionP99Ms }: LatencyFacts): string {
  const ping = `round trip ${pingP50Ms} ms (p99 ${pingP99Ms} ms)`;
  if (transactionP50Ms === undefined || transactionP99Ms === undefined) return ping;
  return `${ping}, write ${transactionP50Ms} ms (p99 ${transactionP99Ms} ms)`;
}

function contentText({ rosterVersion, clusters, records, bytes }: ContentFacts): string {
  const roster = rosterVersion === undefined ? 'no roster' : `roster version ${rosterVersion}`;
  return `${roster}, ${clusters} clusters, ${records} records, ${mebibytes(bytes)}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

const LABEL_WIDTH = 12;

function row(label: string, text: string): string {
  return `${label}:`.padEnd(LABEL_WIDTH) + text;
}
