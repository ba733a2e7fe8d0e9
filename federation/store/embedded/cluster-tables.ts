import type { HeadOrder } from '../../model/head.ts';
import type { ClusterId } from '../../model/ids.ts';
import type { RecordBytes, RecordKey } from '../../model/records.ts';
import { keptEntries, logEntrySize } from '../change-log.ts';
import type { Changes, Commit, StoredCluster, StoredHead } from '../contract.ts';
import { STORE_LIMITS } from '../contract.ts';
import { checkBeatOrder, checkCommitOrder } from '../fencing.ts';
import { atMost, checkClusterLimits, recordSize } from '../limits.ts';
import type { Row, Statements } from './rows.ts';
import { bytesIn, numberIn, textIn } from './rows.ts';
import type { WriteSequence } from './sequence.ts';

const HEAD_COLUMNS = 'incarnation, epoch, writer_id, version, beat, head, signature, signer_chain';

/** Heads, records and logs of clusters. Every method runs inside a transaction of its caller's. */
export class ClusterTables {
  readonly #sql: Statements;
  readonly #sequence: WriteSequence;

  constructor(sql: Statements, sequence: WriteSequence) {
    this.#sql = sql;
    this.#sequence = sequence;
  }

  commit(commit: Commit): void {
    const { cluster, order } = commit;
    const stored = this.#sql
      .prepare(`SELECT ${HEAD_COLUMNS}, records, bytes FROM clusters WHERE cluster = ?`)
      .get(cluster);
    checkCommitOrder(stored && orderIn(stored), order);
    if (stored === undefined) this.#checkClusterCount();
    const totals = stored
      ? { records: numberIn(stored, 'records'), bytes: numberIn(stored, 'bytes') }
      : { records: 0, bytes: 0 };
    for (const [key, bytes] of commit.puts) this.#put(cluster, key, bytes, totals);
    for (const key of commit.deletes) this.#delete(cluster, key, totals);
    checkClusterLimits(totals);
    const seq = this.#sequence.next('any');
    this.#writeHead(cluster, commit, totals, seq);
    this.#appendToLog(commit, seq);
  }

  beat(cluster: ClusterId, beat: StoredHead): void {
    const stored = this.head(cluster);
    checkBeatOrder(stored?.order, beat.order);
    const { bytes, signature, signerChain } = beat.head;
    this.#sql
      .prepare('UPDATE clusters SET beat = ?, head = ?, signature = ?, signer_chain = ?, seq = ? WHERE cluster = ?')
      .run(beat.order.beat, bytes, signature, signerChain, this.#sequence.next('any'), cluster);
  }

  head(cluster: ClusterId): StoredHead | undefined {
    const row = this.#sql.prepare(`SELECT ${HEAD_COLUMNS} FROM clusters WHERE cluster = ?`).get(cluster);
    return row && headIn(row);
  }

  heads(): Map<ClusterId, StoredHead> {
    return headsIn(this.#sql.prepare(`SELECT cluster, ${HEAD_COLUMNS} FROM clusters ORDER BY cluster`).all());
  }

  /** Heads written after `seq`, in the order in which they were. */
  headsSince(seq: number): Map<ClusterId, StoredHead> {
    const sql = `SELECT cluster, ${HEAD_COLUMNS} FROM clusters WHERE seq > ? ORDER BY seq`;
    return headsIn(this.#sql.prepare(sql).all(seq));
  }

  read(cluster: ClusterId): StoredCluster | undefined {
    const head = this.head(cluster);
    if (head === undefined) return undefined;
    const rows = this.#sql.prepare('SELECT key, bytes FROM records WHERE cluster = ?').all(cluster);
    return { ...head, records: new Map(rows.map((row) => [textIn(row, 'key'), bytesIn(row, 'bytes')])) };
  }

  changes(cluster: ClusterId, after: HeadOrder): Changes {
    const head = this.head(cluster);
    const base = this.#sql
      .prepare(
        `SELECT seq FROM log WHERE cluster = ? AND incarnation = ? AND epoch = ? AND writer_id = ? AND version = ?
         ORDER BY seq DESC LIMIT 1`,
      )
      .get(cluster, after.incarnation, after.epoch, after.writerId, after.version);
    if (head === undefined || base === undefined) return { kind: 'gone' };
    const puts = new Map<RecordKey, RecordBytes>();
    const deletes: RecordKey[] = [];
    for (const key of this.#touchedSince(cluster, numberIn(base, 'seq'))) {
      const row = this.#sql.prepare('SELECT bytes FROM records WHERE cluster = ? AND key = ?').get(cluster, key);
      if (row === undefined) deletes.push(key);
      else puts.set(key, bytesIn(row, 'bytes'));
    }
    return { kind: 'delta', ...head, puts, deletes };
  }

  #touchedSince(cluster: ClusterId, seq: number): Set<RecordKey> {
    const rows = this.#sql.prepare('SELECT touched FROM log WHERE cluster = ? AND seq > ?').all(cluster, seq);
    // Written below by `#appendToLog`, from an array of strings.
    return new Set(rows.flatMap((row) => JSON.parse(textIn(row, 'touched')) as RecordKey[]));
  }

  #checkClusterCount(): void {
    const row = this.#sql.prepare('SELECT count(*) AS clusters FROM clusters').get();
    atMost('number of clusters', numberIn(row ?? {}, 'clusters') + 1, STORE_LIMITS.clustersMax);
  }

  #put(cluster: ClusterId, key: RecordKey, bytes: RecordBytes, totals: { records: number; bytes: number }): void {
    const before = this.#sizeOf(cluster, key);
    totals.records += before === undefined ? 1 : 0;
    totals.bytes += recordSize(key, bytes) - (before ?? 0);
    this.#sql
      .prepare(
        'INSERT INTO records (cluster, key, bytes) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes',
      )
      .run(cluster, key, bytes);
  }

  #delete(cluster: ClusterId, key: RecordKey, totals: { records: number; bytes: number }): void {
    const before = this.#sizeOf(cluster, key);
    if (before === undefined) return;
    totals.records -= 1;
    totals.bytes -= before;
    this.#sql.prepare('DELETE FROM records WHERE cluster = ? AND key = ?').run(cluster, key);
  }

  #sizeOf(cluster: ClusterId, key: RecordKey): number | undefined {
    const sql = 'SELECT length(bytes) AS size FROM records WHERE cluster = ? AND key = ?';
    const row = this.#sql.prepare(sql).get(cluster, key);
    return row && key.length + numberIn(row, 'size');
  }

  #writeHead(
    cluster: ClusterId,
    { order, head }: StoredHead,
    totals: { records: number; bytes: number },
    seq: number,
  ): void {
    this.#sql
      .prepare(
        `INSERT OR REPLACE INTO clusters (cluster, ${HEAD_COLUMNS}, records, bytes, seq)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        cluster,
        order.incarnation,
        order.epoch,
        order.writerId,
        order.version,
        order.beat,
        head.bytes,
        head.signature,
        head.signerChain,
        totals.records,
        totals.bytes,
        seq,
      );
  }

  #appendToLog({ cluster, order, puts, deletes }: Commit, seq: number): void {
    const touched = [...puts.keys(), ...deletes];
    this.#sql
      .prepare(
        'INSERT INTO log (cluster, seq, incarnation, epoch, writer_id, version, touched, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        cluster,
        seq,
        order.incarnation,
        order.epoch,
        order.writerId,
        order.version,
        JSON.stringify(touched),
        logEntrySize({ order, touched }),
      );
    const rows = this.#sql.prepare('SELECT seq, size FROM log WHERE cluster = ? ORDER BY seq DESC').all(cluster);
    const oldestKept = rows[keptEntries(rows.map((row) => numberIn(row, 'size'))) - 1];
    if (oldestKept === undefined) return;
    this.#sql.prepare('DELETE FROM log WHERE cluster = ? AND seq < ?').run(cluster, numberIn(oldestKept, 'seq'));
  }
}

function headsIn(rows: readonly Row[]): Map<ClusterId, StoredHead> {
  // Only `commit` writes this column, and it takes nothing but a ClusterId.
  return new Map(rows.map((row) => [textIn(row, 'cluster') as ClusterId, headIn(row)]));
}

function headIn(row: Row): StoredHead {
  return {
    order: orderIn(row),
    head: {
      bytes: bytesIn(row, 'head'),
      signature: bytesIn(row, 'signature'),
      signerChain: textIn(row, 'signer_chain'),
    },
  };
}

function orderIn(row: Row): HeadOrder {
  return {
    incarnation: numberIn(row, 'incarnation'),
    epoch: numberIn(row, 'epoch'),
    writerId: textIn(row, 'writer_id'),
    version: numberIn(row, 'version'),
    beat: numberIn(row, 'beat'),
  };
}
