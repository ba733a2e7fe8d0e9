import type { HeadOrder } from '../model/head.ts';
import type { RecordBytes, RecordKey } from '../model/records.ts';
import type { Commit, StoredHead, StoredRoster } from './contract.ts';
import { STORE_LIMITS, StoreLimitError, StoreRefusedError } from './contract.ts';

/** The limits of `STORE_LIMITS`, checked before a byte is kept, in the same words by every store. */
export function checkCommitLimits(commit: Commit): void {
  checkHeadLimits(commit);
  let bytes = 0;
  for (const [key, value] of commit.puts) {
    checkName('record key', key);
    atMost(`record ${key.slice(0, 80)} in bytes`, value.byteLength, STORE_LIMITS.recordBytesMax);
    bytes += recordSize(key, value);
  }
  atMost('number of records in the commit', commit.puts.size, STORE_LIMITS.clusterRecordsMax);
  atMost('number of deletes in the commit', commit.deletes.length, STORE_LIMITS.clusterRecordsMax);
  for (const key of commit.deletes) {
    checkName('record key', key);
    if (commit.puts.has(key))
      throw new StoreRefusedError('a record is put and deleted by one commit', { fields: { key } });
  }
  atMost('commit in bytes', bytes, STORE_LIMITS.commitBytesMax);
}

export function checkHeadLimits({ order, head }: StoredHead): void {
  checkOrder(order);
  const bytes = head.bytes.byteLength + head.signature.byteLength + head.signerChain.length;
  atMost('head in bytes', bytes, STORE_LIMITS.headBytesMax);
}

/** After a commit: what one `read` of the cluster would have to carry. */
export function checkClusterLimits(totals: { readonly records: number; readonly bytes: number }): void {
  atMost('number of records of the cluster', totals.records, STORE_LIMITS.clusterRecordsMax);
  atMost('records of the cluster in bytes', totals.bytes, STORE_LIMITS.clusterBytesMax);
}

export function checkRosterLimits(roster: StoredRoster): void {
  checkWhole('roster version', roster.version);
  atMost('roster in bytes', roster.bytes.byteLength, STORE_LIMITS.rosterBytesMax);
}

export function checkOrder(order: HeadOrder): void {
  checkName('writer id', order.writerId);
  for (const field of ['incarnation', 'epoch', 'version', 'beat'] as const) checkWhole(`head ${field}`, order[field]);
}

export function checkName(what: string, text: string): void {
  if (text === '') throw new StoreRefusedError(`${what} is empty`);
  // Neither survives UTF-8 in SQLite or protobuf, and a key that changes on the way breaks its cluster's digest.
  if (text.includes('\0') || !text.isWellFormed()) throw new StoreRefusedError(`${what} is not plain text`);
  // UTF-8 needs at most three octets per UTF-16 unit, so short names, nearly all of them, need no encoding.
  if (text.length * 3 <= STORE_LIMITS.nameBytesMax) return;
  atMost(`${what} in bytes`, Buffer.byteLength(text), STORE_LIMITS.nameBytesMax);
}

export function checkWhole(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new StoreRefusedError(`${what} is not a whole number from 0 to 2^53-1`, { fields: { value } });
  }
}

export function recordSize(key: RecordKey, bytes: RecordBytes): number {
  return key.length + bytes.byteLength;
}

export function atMost(what: string, actual: number, max: number): void {
  if (actual > max) throw new StoreLimitError(what, actual, max);
}
