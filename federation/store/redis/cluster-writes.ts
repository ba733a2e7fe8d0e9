import type { HeadOrder } from '../../model/head.ts';
import type { ClusterId } from '../../model/ids.ts';
import type { RecordKey } from '../../model/records.ts';
import type { Commit, StoredHead } from '../contract.ts';
import { STORE_LIMITS } from '../contract.ts';
import { checkBeatOrder, checkCommitOrder } from '../fencing.ts';
import { checkClusterLimits, recordSize } from '../limits.ts';
import type { Calls } from './calls.ts';
import type { ClusterIndex } from './cluster-index.ts';
import type { RedisConnection } from './connection.ts';
import { COMMAND_TIMEOUT_MS, SMALL_ANSWER } from './connection.ts';
import { decodeHead, encodeHead, HEAD_FRAME_BYTES_MAX } from './head-frame.ts';
import { grow, type KeptSizes, NOTHING_KEPT, Remembered, totalsAfter } from './kept-sizes.ts';
import type { RedisKeys } from './keys.ts';
import { encodeLogEntry, keptLogEntries } from './log-frame.ts';
import { encodeClusterNotice } from './notice-frame.ts';
import type { RedisCommand, Reply } from './reply.ts';
import { accepted, bytesOf, listOf, numberOf } from './reply.ts';
import { foreignData } from './reply-errors.ts';
import { execute } from './transaction.ts';

/**
 * Writing what belongs to a cluster: look at its head under WATCH, check the fence, change everything in one MULTI/EXEC. No
 * script runs in the server. What a commit must know of the records it changes (sizes, for the limits) is remembered
 * from the last commit and read anew when the store does not hold what was left there.
 */

/** Fields of one HSET or HDEL: a transaction is one thing to the server however many commands it is. */
const FIELDS_PER_COMMAND = 1_000;
/** What a large commit may take beyond a command's time: as long as a link of 1 MiB/s needs for it. */
const UPLOAD_BYTES_PER_MS = (1024 * 1024) / 1000;
/** A hash with its keys, lengths and line ends. */
const RECORDS_ANSWER = {
  bytesMax: STORE_LIMITS.clusterBytesMax + STORE_LIMITS.clusterRecordsMax * 64,
  timeoutMs: COMMAND_TIMEOUT_MS,
};
const LOG_ANSWER = { bytesMax: STORE_LIMITS.logBytesMax * 2, timeoutMs: COMMAND_TIMEOUT_MS };

export class ClusterWrites {
  readonly #calls: Calls;
  readonly #keys: RedisKeys;
  readonly #index: ClusterIndex;
  readonly #remembered = new Remembered();

  constructor(components: { calls: Calls; keys: RedisKeys; index: ClusterIndex }) {
    this.#calls = components.calls;
    this.#keys = components.keys;
    this.#index = components.index;
  }

  async commit(commit: Commit): Promise<void> {
    const frame = encodeHead(commit);
    const key = this.#keys.head(commit.cluster);
    await this.#calls.write(key, (connection, attempt) => this.#commitAt(connection, commit, { frame, attempt }));
    this.#index.keepEntry(commit.cluster);
  }

  async beat(cluster: ClusterId, beat: StoredHead): Promise<void> {
    const frame = encodeHead(beat);
    const key = this.#keys.head(cluster);
    let renewed: Buffer | undefined;
    await this.#calls.write(key, (connection, attempt) =>
      execute(connection, { watch: [key], read: [readHead(key)], limits: HEAD_ANSWER }, async ([reply]) => {
        const stored = bytesOf(reply);
        if (isOwnWriting(stored, { frame, attempt })) return { changes: [] };
        checkBeatOrder(orderIn(stored, key), beat.order);
        renewed = stored;
        return {
          changes: [
            ['SET', key, frame],
            ['PUBLISH', this.#keys.notice, encodeClusterNotice(cluster, frame)],
          ],
        };
      }),
    );
    const kept = this.#remembered.get(cluster);
    // Of another head nothing is known, whoever renews it: a commit whose answer was lost, or another writer's.
    if (renewed && kept?.head.equals(renewed)) this.#remembered.set(cluster, { ...kept, head: frame });
    this.#index.keepEntry(cluster);
  }

  async #commitAt(connection: RedisConnection, commit: Commit, { frame, attempt }: Writing): Promise<void> {
    const { cluster } = commit;
    const [head, records, log] = [this.#keys.head(cluster), this.#keys.records(cluster), this.#keys.log(cluster)];
    const read: RedisCommand[] = [readHead(head), ['HLEN', records], ['LLEN', log]];
    let done = (): void => undefined;
    await execute(connection, { watch: [head, records, log], read, limits: HEAD_ANSWER }, async (replies) => {
      const stored = bytesOf(replies[0]);
      if (isOwnWriting(stored, { frame, attempt })) return { changes: [] };
      const previous = orderIn(stored, head);
      checkCommitOrder(previous, commit.order);
      const before = await this.#keptBefore(connection, cluster, replies);
      checkClusterLimits(totalsAfter(before, commit));
      const logged = logChanges(log, { commit, previous, sizes: before.logSizes });
      const changes: RedisCommand[] = [];
      if (previous === undefined) {
        // What is left of a cluster whose head is gone does not count: this is its first commit.
        await this.#index.enter(cluster);
        changes.push(['DEL', records, log]);
      }
      changes.push(...recordChanges(records, commit), ...logged.changes);
      changes.push(['SET', head, frame], ['PUBLISH', this.#keys.notice, encodeClusterNotice(cluster, frame)]);
      done = () => this.#remembered.set(cluster, grow(before, commit, { head: frame, logSizes: logged.sizes }));
      return { changes, timeoutMs: COMMAND_TIMEOUT_MS + Math.ceil(sizeOf(commit) / UPLOAD_BYTES_PER_MS) };
    });
    done();
  }

  async #keptBefore(connection: RedisConnection, cluster: ClusterId, replies: readonly Reply[]): Promise<KeptSizes> {
    const stored = bytesOf(replies[0]);
    if (stored === undefined || stored.byteLength === 0) return NOTHING_KEPT();
    const kept = this.#remembered.get(cluster);
    const isKnown = kept?.head.equals(stored) === true;
    if (isKnown && kept.sizes.size === numberOf(replies[1]) && kept.logSizes.length === numberOf(replies[2]))
      return kept;
    return this.#readSizes(connection, cluster, stored);
  }

  async #readSizes(connection: RedisConnection, cluster: ClusterId, head: Buffer): Promise<KeptSizes> {
    const [records] = accepted(await connection.call([['HGETALL', this.#keys.records(cluster)]], RECORDS_ANSWER));
    const [log] = accepted(await connection.call([['LRANGE', this.#keys.log(cluster), '0', '-1']], LOG_ANSWER));
    const sizes = new Map<RecordKey, number>();
    let bytes = 0;
    const flat = listOf(records);
    for (let index = 0; index + 1 < flat.length; index += 2) {
      const key = bytesOf(flat[index])?.toString() ?? '';
      const size = key.length + (bytesOf(flat[index + 1])?.byteLength ?? 0);
      sizes.set(key, size);
      bytes += size;
    }
    return { head, sizes, bytes, logSizes: listOf(log).map((entry) => bytesOf(entry)?.byteLength ?? 0) };
  }
}

const HEAD_ANSWER = { ...SMALL_ANSWER, bytesMax: HEAD_FRAME_BYTES_MAX + 4_096 };

interface Writing {
  readonly frame: Buffer;
  readonly attempt: number;
}

/** An earlier attempt of the same call, whose answer was lost, has written this. */
function isOwnWriting(stored: Buffer | undefined, { frame, attempt }: Writing): boolean {
  return attempt > 1 && stored?.equals(frame) === true;
}

/** One octet more than a head may have: enough to see that it is none. */
export function readHead(key: string): RedisCommand {
  return ['GETRANGE', key, '0', String(HEAD_FRAME_BYTES_MAX)];
}

/** @throws StoreRefusedError when something else lies there: it is not overwritten */
function orderIn(frame: Buffer | undefined, key: string): HeadOrder | undefined {
  if (frame === undefined || frame.byteLength === 0) return undefined;
  const stored = decodeHead(frame);
  if (stored === undefined) throw foreignData(key, 'it is no head');
  return stored.order;
}

function* recordChanges(key: string, { puts, deletes }: Commit): Iterable<RedisCommand> {
  for (const some of chunks([...puts], FIELDS_PER_COMMAND)) yield ['HSET', key, ...some.flat()];
  for (const some of chunks(deletes, FIELDS_PER_COMMAND)) yield ['HDEL', key, ...some];
}

/** What is appended to the log and cut off it, and the sizes of its entries afterwards. */
function logChanges(
  key: string,
  change: { readonly commit: Commit; readonly previous: HeadOrder | undefined; readonly sizes: readonly number[] },
): { readonly changes: readonly RedisCommand[]; readonly sizes: readonly number[] } {
  const { order, puts, deletes } = change.commit;
  const size = sizeOf(change.commit);
  const { previous } = change;
  const entry = size > STORE_LIMITS.logBytesMax ? undefined : encodeLogEntry({ order, previous, puts, deletes });
  const all = [...change.sizes, entry?.byteLength ?? size];
  const keep = entry === undefined ? 0 : keptLogEntries(all);
  if (entry === undefined || keep === 0) return { changes: [['DEL', key]], sizes: [] };
  const append: RedisCommand = ['RPUSH', key, entry];
  const changes = keep === all.length ? [append] : [append, ['LTRIM', key, String(-keep), '-1'] as const];
  return { changes, sizes: all.slice(all.length - keep) };
}

function sizeOf({ puts, deletes }: Commit): number {
  let bytes = 0;
  for (const [key, value] of puts) bytes += recordSize(key, value);
  for (const key of deletes) bytes += key.length;
  return bytes;
}

function* chunks<Item>(items: readonly Item[], size: number): Iterable<readonly Item[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
