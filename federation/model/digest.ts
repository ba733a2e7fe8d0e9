import type { RecordChange } from './diff.ts';
import { compareText } from './ids.ts';
import type { RecordBytes, RecordKey, RecordSet } from './records.ts';
import { SHA256_BYTES, sha256Hex, sha256Text } from './sha256.ts';

/**
 * The digest that a head signs: sha256 over 256 bucket hashes. A change touches only the buckets of its keys, so the
 * cost of the next digest follows the change and not the cluster.
 *
 *     bucket of a key = first octet of sha256(key)
 *     entry           = u32be(length of key) || key || sha256(record bytes)
 *     bucket hash     = sha256(entries sorted by key)
 *     digest          = sha256("isthmus-digest-v1\n" || bucket hash 0 || ... || bucket hash 255)
 */
const BUCKETS = 256;
const PREFIX = new TextEncoder().encode('isthmus-digest-v1\n');

interface Entry {
  readonly key: RecordKey;
  /** One character for each octet: a hundred thousand small buffers would cost more than the hashes in them. */
  readonly recordHash: string;
}

/** Sorted by key. */
type Bucket = readonly Entry[];

const NO_BUCKETS: readonly Bucket[] = Array.from({ length: BUCKETS }, () => []);

/** Immutable: `with` shares every bucket that the change does not touch. */
export class RecordDigest {
  readonly #buckets: readonly Bucket[];
  /** What the digest is the hash of: the prefix and the bucket hashes. */
  readonly #framed: Uint8Array;
  /** 64 lower-case hex digits. */
  readonly hex: string;

  private constructor(buckets: readonly Bucket[], framed: Uint8Array) {
    this.#buckets = buckets;
    this.#framed = framed;
    this.hex = sha256Hex(framed);
  }

  static of(records: RecordSet): RecordDigest {
    return EMPTY.with({ puts: records, deletes: [] });
  }

  static empty(): RecordDigest {
    const framed = Buffer.alloc(PREFIX.length + BUCKETS * SHA256_BYTES);
    framed.set(PREFIX);
    for (const index of NO_BUCKETS.keys()) setBucketHash(framed, index, []);
    return new RecordDigest(NO_BUCKETS, framed);
  }

  /** Deletes come before puts, as in `applyChange`. */
  with(change: RecordChange): RecordDigest {
    const touched = groupByBucket(change);
    if (touched.size === 0) return this;
    const buckets = [...this.#buckets];
    const framed = Buffer.from(this.#framed);
    for (const [index, edit] of touched) {
      const bucket = editBucket(buckets[index] ?? [], edit);
      buckets[index] = bucket;
      setBucketHash(framed, index, bucket);
    }
    return new RecordDigest(buckets, framed);
  }
}

const EMPTY = RecordDigest.empty();

function setBucketHash(framed: Buffer, index: number, bucket: Bucket): void {
  framed.write(hashEntries(bucket), PREFIX.length + index * SHA256_BYTES, 'latin1');
}

/** Keys with their new bytes, or with `undefined` where they are deleted, in the order in which they count. */
type BucketEdit = (readonly [RecordKey, RecordBytes | undefined])[];

function groupByBucket(change: RecordChange): ReadonlyMap<number, BucketEdit> {
  const touched = new Map<number, BucketEdit>();
  const add = (key: RecordKey, bytes: RecordBytes | undefined): void => {
    const index = sha256Text(key).charCodeAt(0);
    const edit = touched.get(index);
    if (edit === undefined) touched.set(index, [[key, bytes]]);
    else edit.push([key, bytes]);
  };
  for (const key of change.deletes) add(key, undefined);
  for (const [key, bytes] of change.puts) add(key, bytes);
  return touched;
}

function editBucket(bucket: Bucket, edit: BucketEdit): Bucket {
  const edited = bucket.length === 0 ? [] : without(bucket, edit);
  for (const [key, bytes] of edit) if (bytes !== undefined) edited.push({ key, recordHash: sha256Text(bytes) });
  return edited.sort(byKey);
}

function without(bucket: Bucket, edit: BucketEdit): Entry[] {
  const edited = new Set(edit.map(([key]) => key));
  return bucket.filter(({ key }) => !edited.has(key));
}

function byKey(left: Entry, right: Entry): number {
  return compareText(left.key, right.key);
}

/** In characters that stand for octets, and made octets at the end: one copy a bucket instead of three an entry. */
function hashEntries(entries: Bucket): string {
  let framed = '';
  for (const { key, recordHash } of entries) {
    const octets = Buffer.byteLength(key) === key.length ? key : Buffer.from(key).toString('latin1');
    framed += lengthOctets(octets.length) + octets + recordHash;
  }
  return sha256Text(Buffer.from(framed, 'latin1'));
}

/** u32be */
function lengthOctets(length: number): string {
  return String.fromCharCode((length >>> 24) & 0xff, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff);
}
