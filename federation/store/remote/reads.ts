import type * as pb from '../../../protos/gen/isthmus/store/v1/store_pb.ts';
import type { ClusterId } from '../../model/ids.ts';
import type { RecordBytes, RecordKey } from '../../model/records.ts';
import type { Changes, StoredCluster, StoredHead } from '../contract.ts';
import { STORE_LIMITS } from '../contract.ts';
import { atMost, checkClusterLimits, recordSize } from '../limits.ts';
import type { Collector } from './commands.ts';
import { clusterFromWire, headFromWire, present } from './wire.ts';

/** Puts the parts of streamed answers together, within the limits that the store itself would keep. */
export function clusterCollector(): Collector<pb.ReadPart, StoredCluster | undefined> {
  let head: StoredHead | undefined;
  const records = recordCollector();
  return {
    take: (part) => {
      if (part.head !== undefined) head = headFromWire(part.head);
      records.add(part.records);
    },
    done: () => head && { ...head, records: records.set },
  };
}

export function changesCollector(): Collector<pb.ChangesPart, Changes> {
  let isGone = false;
  let head: StoredHead | undefined;
  const puts = recordCollector();
  const deletes: RecordKey[] = [];
  return {
    take: (part) => {
      isGone ||= part.gone;
      if (part.head !== undefined) head = headFromWire(part.head);
      puts.add(part.puts);
      deletes.push(...part.deletes);
      atMost('number of deletes', deletes.length, DELETES_MAX);
    },
    done: () => (isGone ? { kind: 'gone' } : { kind: 'delta', ...present('head', head), puts: puts.set, deletes }),
  };
}

export function headsCollector(): Collector<pb.HeadsPart, ReadonlyMap<ClusterId, StoredHead>> {
  const heads = new Map<ClusterId, StoredHead>();
  return {
    take: (part) => {
      for (const { cluster, head } of part.heads) heads.set(clusterFromWire(cluster), headFromWire(head));
      atMost('number of clusters', heads.size, STORE_LIMITS.clustersMax);
    },
    done: () => heads,
  };
}

/** Each of the versions that a log holds may have touched other keys; their names together fill the log at most. */
const DELETES_MAX = STORE_LIMITS.logBytesMax;

function recordCollector(): { set: Map<RecordKey, RecordBytes>; add(records: readonly pb.Record[]): void } {
  const set = new Map<RecordKey, RecordBytes>();
  let bytes = 0;
  return {
    set,
    add: (records) => {
      for (const record of records) {
        bytes += recordSize(record.key, record.bytes);
        set.set(record.key, record.bytes);
      }
      checkClusterLimits({ records: set.size, bytes });
    },
  };
}
