import type { HeadOrder } from '../../model/head.ts';
import { isSameVersion } from '../../model/head.ts';
import type { RecordBytes, RecordKey, RecordSet } from '../../model/records.ts';
import { STORE_LIMITS } from '../contract.ts';
import { encodeOrder, orderOf, parseJson } from './head-frame.ts';

/**
 * An entry of a cluster's log: which version follows on which, and what that changed, values included, so that a reader who
 * is one version behind needs one small answer. One line of JSON, then the octets of the puts, one after the other.
 *
 *     {"order":{...},"previous":{...},"deletes":["KEY"],"puts":[["KEY",LENGTH]]}
 */
export interface LogEntry {
  readonly order: HeadOrder;
  /** Absent in a cluster's first version. */
  readonly previous?: HeadOrder | undefined;
  readonly deletes: readonly RecordKey[];
  readonly puts: RecordSet;
}

/** The changes since some version, squashed. */
export interface LogDelta {
  readonly puts: Map<RecordKey, RecordBytes>;
  readonly deletes: readonly RecordKey[];
}

const LINE_FEED = 0x0a;

export function encodeLogEntry({ order, previous, deletes, puts }: LogEntry): Buffer {
  const sizes = [...puts].map(([key, bytes]) => [key, bytes.byteLength] as const);
  const before = previous === undefined ? '' : `"previous":${encodeOrder(previous)},`;
  const changed = `"deletes":${JSON.stringify(deletes)},"puts":${JSON.stringify(sizes)}`;
  return Buffer.concat([Buffer.from(`{"order":${encodeOrder(order)},${before}${changed}}\n`), ...puts.values()]);
}

/** @returns undefined when it is no entry of ours */
export function decodeLogEntry(frame: Buffer): LogEntry | undefined {
  const end = frame.indexOf(LINE_FEED);
  if (end === -1) return undefined;
  const parsed = parseJson(frame.toString('utf8', 0, end));
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { order: rawOrder, previous: rawPrevious, deletes, puts: sizes } = parsed as Readonly<Record<string, unknown>>; // any object
  const order = orderOf(rawOrder);
  const previous = rawPrevious === undefined ? undefined : orderOf(rawPrevious);
  const puts = putsOf(sizes, frame.subarray(end + 1));
  const isWhole = order !== undefined && puts !== undefined && isKeys(deletes);
  if (!isWhole || (rawPrevious !== undefined && previous === undefined)) return undefined;
  return { order, previous, deletes, puts };
}

/**
 * What leads from `after` to `newest`, or undefined when the entries do not: too few of them, or a gap, because the store
 * itself went back.
 */
export function deltaSince(entries: readonly LogEntry[], after: HeadOrder, newest: HeadOrder): LogDelta | undefined {
  if (isSameVersion(after, newest)) return { puts: new Map(), deletes: [] };
  const first = entries.findLastIndex(({ previous }) => previous !== undefined && isSameVersion(previous, after));
  if (first === -1) return undefined;
  let reached = after;
  const puts = new Map<RecordKey, RecordBytes>();
  const deletes = new Set<RecordKey>();
  for (const entry of entries.slice(first)) {
    if (entry.previous === undefined || !isSameVersion(entry.previous, reached)) return undefined;
    for (const [key, bytes] of entry.puts) {
      puts.set(key, bytes);
      deletes.delete(key);
    }
    for (const key of entry.deletes) {
      puts.delete(key);
      deletes.add(key);
    }
    reached = entry.order;
  }
  return isSameVersion(reached, newest) ? { puts, deletes: [...deletes] } : undefined;
}

/** How many of the newest entries the log keeps: 256 versions or 1 MiB. None when the newest alone is too large. */
export function keptLogEntries(sizes: readonly number[]): number {
  let bytes = 0;
  for (const [index, size] of sizes.toReversed().entries()) {
    bytes += size;
    if (index >= STORE_LIMITS.logVersionsMax || bytes > STORE_LIMITS.logBytesMax) return index;
  }
  return sizes.length;
}

function isKeys(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((key) => typeof key === 'string');
}

function putsOf(sizes: unknown, bytes: Buffer): RecordSet | undefined {
  if (!Array.isArray(sizes)) return undefined;
  const puts = new Map<RecordKey, RecordBytes>();
  let at = 0;
  for (const entry of sizes) {
    if (!Array.isArray(entry)) return undefined;
    const [key, size] = entry as readonly unknown[]; // any array
    if (typeof key !== 'string' || !Number.isSafeInteger(size) || Number(size) < 0) return undefined;
    puts.set(key, bytes.subarray(at, at + Number(size)));
    at += Number(size);
  }
  return at === bytes.byteLength ? puts : undefined;
}
