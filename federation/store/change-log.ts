import type { HeadOrder } from '../model/head.ts';
import { isSameVersion } from '../model/head.ts';
import type { RecordKey } from '../model/records.ts';
import { STORE_LIMITS } from './contract.ts';

/**
 * Which records each of the last versions of a cluster touched. The log holds keys, not values: a delta always leads
 * to the newest version, so its values are the stored ones, and squashing is a union of keys.
 */
export interface LogEntry {
  readonly order: HeadOrder;
  readonly touched: readonly RecordKey[];
}

/** The oldest entry is a base: reachable as a starting point, its own keys no longer matter. */
export type ChangeLog = readonly LogEntry[];

export function appendToLog(log: ChangeLog, entry: LogEntry): ChangeLog {
  const all = [...log, entry];
  return all.slice(all.length - keptEntries(all.map(logEntrySize).toReversed()));
}

/** How many of the newest entries stay: 256 versions or 1 MiB of keys, and always the newest, plus their base. */
export function keptEntries(sizesNewestFirst: readonly number[]): number {
  let bytes = 0;
  for (const [index, size] of sizesNewestFirst.entries()) {
    bytes += size;
    if (index >= STORE_LIMITS.logVersionsMax || bytes > STORE_LIMITS.logBytesMax) return index + 1;
  }
  return sizesNewestFirst.length;
}

/** The keys touched after `after`, or undefined when the log does not reach back to it or does not know it. */
export function touchedSince(log: ChangeLog, after: HeadOrder): ReadonlySet<RecordKey> | undefined {
  const base = log.findLastIndex((entry) => isSameVersion(entry.order, after));
  if (base === -1) return undefined;
  return new Set(log.slice(base + 1).flatMap((entry) => entry.touched));
}

export function logEntrySize(entry: LogEntry): number {
  return entry.touched.reduce((bytes, key) => bytes + key.length, 0);
}
