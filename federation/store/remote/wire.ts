import type { MessageInitShape } from '@bufbuild/protobuf';
import type * as pb from '../../../protos/gen/isthmus/store/v1/store_pb.ts';
import { Hint_Kind } from '../../../protos/gen/isthmus/store/v1/store_pb.ts';
import { assertNever } from '../../../runtime/errors.ts';
import type { HeadOrder } from '../../model/head.ts';
import type { ClusterId } from '../../model/ids.ts';
import { parseClusterId } from '../../model/ids.ts';
import type { RecordSet } from '../../model/records.ts';
import type { Hint, StoredHead, StoredRoster } from '../contract.ts';
import { StoreRefusedError } from '../contract.ts';
import { PART_BYTES } from './service.ts';

/** Between the messages of `store.proto` and the values of the contract. What comes in is checked, on both sides. */
export type RecordInit = MessageInitShape<typeof pb.RecordSchema>;
export type StoredHeadInit = MessageInitShape<typeof pb.StoredHeadSchema>;

export function orderToWire(order: HeadOrder): MessageInitShape<typeof pb.HeadOrderSchema> {
  return {
    incarnation: BigInt(order.incarnation),
    epoch: BigInt(order.epoch),
    writerId: order.writerId,
    version: BigInt(order.version),
    beat: BigInt(order.beat),
  };
}

export function orderFromWire(order: pb.HeadOrder | undefined): HeadOrder {
  const { incarnation, epoch, writerId, version, beat } = present('head order', order);
  return {
    incarnation: wholeFromWire('incarnation', incarnation),
    epoch: wholeFromWire('epoch', epoch),
    writerId,
    version: wholeFromWire('version', version),
    beat: wholeFromWire('beat', beat),
  };
}

export function headToWire({ order, head }: StoredHead): StoredHeadInit {
  const { bytes, signature, signerChain } = head;
  return { order: orderToWire(order), head: { bytes, signature, signerChain } };
}

export function headFromWire(stored: pb.StoredHead | undefined): StoredHead {
  const { order, head } = present('head', stored);
  const { bytes, signature, signerChain } = present('signed head', head);
  return { order: orderFromWire(order), head: { bytes, signature, signerChain } };
}

export function recordsToWire(records: RecordSet): RecordInit[] {
  return Array.from(records, ([key, bytes]) => ({ key, bytes }));
}

export function recordsFromWire(records: readonly pb.Record[]): RecordSet {
  const set = new Map(records.map(({ key, bytes }) => [key, bytes]));
  if (set.size !== records.length) throw new StoreRefusedError('a record key comes twice');
  return set;
}

export function rosterFromWire(roster: pb.StoredRoster | undefined): StoredRoster {
  const { version, bytes } = present('roster', roster);
  return { version: wholeFromWire('roster version', version), bytes };
}

export function clusterFromWire(text: string): ClusterId {
  return parseClusterId(text);
}

/** int64 on the wire, a number here: beyond 2^53 it would silently be another number. */
export function wholeFromWire(what: string, value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new StoreRefusedError(`${what} is not a whole number from 0 to 2^53-1`, { fields: { value: String(value) } });
  }
  return Number(value);
}

export function hintToWire(hint: Hint): MessageInitShape<typeof pb.HintSchema> {
  switch (hint.kind) {
    case 'cluster': {
      const head = hint.head === undefined ? {} : { head: headToWire(hint.head) };
      return { kind: Hint_Kind.CLUSTER, cluster: hint.cluster, ...head };
    }
    case 'roster':
      return { kind: Hint_Kind.ROSTER };
    case 'join':
      return { kind: Hint_Kind.JOIN };
    case 'gap':
      return { kind: Hint_Kind.GAP };
    default:
      return assertNever(hint);
  }
}

/** A kind that a newer server has invented means the same as a gap: look at everything. */
export function hintFromWire(hint: pb.Hint): Hint {
  switch (hint.kind) {
    case Hint_Kind.CLUSTER: {
      const head = hint.head === undefined ? {} : { head: headFromWire(hint.head) };
      return { kind: 'cluster', cluster: clusterFromWire(hint.cluster), ...head };
    }
    case Hint_Kind.ROSTER:
      return { kind: 'roster' };
    case Hint_Kind.JOIN:
      return { kind: 'join' };
    case Hint_Kind.GAP:
    case Hint_Kind.UNSPECIFIED:
    default:
      return { kind: 'gap' };
  }
}

/** Cuts items into groups of about `PART_BYTES`, at least one group, so that each is one message of a stream. */
export function* inParts<Item>(items: Iterable<Item>, sizeOf: (item: Item) => number): Generator<Item[]> {
  let part: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    part.push(item);
    bytes += sizeOf(item);
    if (bytes < PART_BYTES) continue;
    yield part;
    part = [];
    bytes = 0;
  }
  if (part.length > 0) yield part;
}

export function present<Value>(what: string, value: Value | undefined): Value {
  if (value === undefined) throw new StoreRefusedError(`${what} is missing`);
  return value;
}
