import type { Clock } from '../../../runtime/clock.ts';

import type { HeadOrder } from '../../model/head.ts';
import { isSameVersion } from '../../model/head.ts';
import type { ClusterId } from '../../model/ids.ts';
import type { RecordBytes, RecordKey } from '../../model/records.ts';
import type { Changes, StoredCluster, StoredHead } from '../contract.ts';
import { STORE_LIMITS } from '../contract.ts';
import { recordSize } from '../limits.ts';
import type { Calls } from './calls.ts';
import { readHead } from './cluster-writes.ts';
import { COMMAND_TIMEOUT_MS } from './connection.ts';
import { decodeHead, HEAD_FRAME_BYTES_MAX } from './head-frame.ts';
import type { RedisKeys } from './keys.ts';
import type { LogEntry } from './log-frame.ts';
import { decodeLogEntry, deltaSince } from './log-frame.ts';
import type { Reply } from './reply.ts';
import { accepted, bytesOf, listOf, numberOf } from './reply.ts';
import { ExcessiveDataError, foreignData } from './reply-errors.ts';
import { snapshot } from './transaction.ts';

/**
 * Reading what belongs to a cluster. Who may write there is not trusted with our memory: lengths are asked for first,
 * answers have a bound, and a cluster that exceeds it is left alone for a while, so that it does not cut the others off.
 */
export class ClusterReads {
  readonly #calls: Calls;
  readonly #keys: RedisKeys;
  readonly #clock: Clock;
  readonly #excessive = new Map<ClusterId, number>();

  constructor(components: { calls: Calls; keys: RedisKeys; clock: Clock }) {
    this.#calls = components.calls;
    this.#keys = components.keys;
    this.#clock = components.clock;
  }

  async read(cluster: ClusterId): Promise<StoredCluster | undefined> {
    const [head, records] = [this.#keys.head(cluster), this.#keys.records(cluster)];
    return this.#guarded(cluster, records, () =>
      this.#calls.read(head, 'bulk', async (connection) => {
        const [length, memory] = await connection.call([
          ['HLEN', records],
          ['MEMORY', 'USAGE', records, 'SAMPLES', '0'],
        ]);
        const [fields] = accepted([length ?? 0]);
        // A server that does not tell how much it is is asked all the same: the answer has a bound too.
        if (numberOf(fields) > STORE_LIMITS.clusterRecordsMax || numberOf(memory) > MEMORY_BYTES_MAX) {
          throw new ExcessiveDataError(records);
        }
        const [frame, flat] = await snapshot(connection, [readHead(head), ['HGETALL', records]], CLUSTER_ANSWER);
        const stored = headIn(bytesOf(frame), head);
        return stored && { ...stored, records: recordsIn(listOf(flat), records) };
      }),
    );
  }

  async changes(cluster: ClusterId, after: HeadOrder): Promise<Changes> {
    const [head, log] = [this.#keys.head(cluster), this.#keys.log(cluster)];
    return this.#guarded(cluster, log, () =>
      this.#calls.read(head, 'deltas', async (connection) => {
        for (const newest of LOOKS) {
          const range = ['LRANGE', log, String(-newest), '-1'] as const;
          const [frame, list] = await snapshot(connection, [readHead(head), range], LOG_ANSWER);
          const stored = headIn(bytesOf(frame), head);
          if (stored === undefined) return { kind: 'gone' };
          const entries = isSameVersion(stored.order, after) ? [] : entriesIn(list);
          const delta = deltaSince(entries, after, stored.order);
          if (delta !== undefined) return { kind: 'delta', ...stored, ...delta };
          if (entries.length < newest) break;
        }
        return { kind: 'gone' };
      }),
    );
  }

  /** Someone wrote more under this cluster's name than may be there. Asking again at once would only cut us off again. */
  async #guarded<Result>(cluster: ClusterId, key: string, work: () => Promise<Result>): Promise<Result> {
    const untilMs = this.#excessive.get(cluster) ?? Number.NEGATIVE_INFINITY;
    if (this.#clock.monotonicMs() < untilMs) throw new ExcessiveDataError(key);
    try {
      const result = await work();
      this.#excessive.delete(cluster);
      return result;
    } catch (error) {
      if (!(error instanceof ExcessiveDataError)) throw error;
      this.#excessive.set(cluster, this.#clock.monotonicMs() + EXCESSIVE_PAUSE_MS);
      throw new ExcessiveDataError(key);
    }
  }
}

/** Entries of the log: nearly everybody is one version behind, and some a few; the whole log is for the others. */
const LOOKS = [1, 8, STORE_LIMITS.logVersionsMax + 1];
const EXCESSIVE_PAUSE_MS = 30_000;
/** What a server may need for all records of a cluster: twice their octets, for they may have been written piecemeal. */
const MEMORY_BYTES_MAX = 2 * (STORE_LIMITS.clusterBytesMax + STORE_LIMITS.clusterRecordsMax * 256);
/** All records with their keys, lengths and line ends. Of a full server the head is asked for twice. */
const CLUSTER_ANSWER = {
  bytesMax: STORE_LIMITS.clusterBytesMax + STORE_LIMITS.clusterRecordsMax * 64 + 2 * HEAD_FRAME_BYTES_MAX,
  timeoutMs: COMMAND_TIMEOUT_MS,
};
/** The log is cut to its limit; an entry may be as large as the limit itself. */
const LOG_ANSWER = { bytesMax: STORE_LIMITS.logBytesMax * 2 + 2 * HEAD_FRAME_BYTES_MAX, timeoutMs: COMMAND_TIMEOUT_MS };

export function headIn(frame: Buffer | undefined, key: string): StoredHead | undefined {
  if (frame === undefined || frame.byteLength === 0) return undefined;
  const stored = decodeHead(frame);
  if (stored === undefined) throw foreignData(key, 'it is no head');
  return stored;
}

function recordsIn(flat: readonly Reply[], key: string): Map<RecordKey, RecordBytes> {
  const records = new Map<RecordKey, RecordBytes>();
  let bytes = 0;
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const [name, value] = [bytesOf(flat[index]), bytesOf(flat[index + 1])];
    if (name === undefined || value === undefined) throw foreignData(key, 'it has fields that are no octets');
    const text = name.toString('utf8');
    records.set(text, value);
    bytes += recordSize(text, value);
  }
  if (bytes > STORE_LIMITS.clusterBytesMax || records.size > STORE_LIMITS.clusterRecordsMax)
    throw new ExcessiveDataError(key);
  return records;
}

/** The log only spares work: one that cannot be read is as good as none, and the next that fits replaces it. */
function entriesIn(list: Reply | undefined): readonly LogEntry[] {
  const entries = listOf(list).map((entry) => decodeLogEntry(bytesOf(entry) ?? Buffer.alloc(0)));
  const firstWhole = entries.lastIndexOf(undefined) + 1;
  return entries.slice(firstWhole).flatMap((entry) => entry ?? []);
}
