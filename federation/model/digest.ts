import type { RecordChange } from './diff.ts';
import { compareText } from './ids.ts';
import type { RecordBytes, RecordKey, RecordSet } from './records.ts';
import { SHA256_BYTES, sha256, sha256Hex } from './sha256.ts';

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
const LENGTH_BYTES = 4;

interface Entry {
  readonly key: RecordKey;
  readonly recordHash: Uint8Array;
}

/** Sorted by key. */
type Bucket = readonly Entry[];

const NO_BUCKETS: readonly Bucket[] = Array.from({ length: BUCKETS }, () => []);
const utf8 = new TextEncoder();

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
    const framed = new Uint8Array(PREFIX.length + BUCKETS * SHA256_BYTES);
    framed.set(PREFIX);
    for (const index of NO_BUCKETS.keys()) setBucketHash(framed, index, []);
    return new RecordDigest(NO_BUCKETS, framed);
  }

  /** Deletes come before puts, as in `applyChange`. */
  with(change: RecordChange): RecordDigest {
    const touched = groupByBucket(change);
    if (touched.size === 0) return this;
    const buckets = [...this.#buckets];
    const framed = Uint8Array.from(this.#framed);
    for (const [index, edit] of touched) {
      const bucket = editBucket(buckets[index] ?? [], edit);
      buckets[index] = bucket;
      setBucketHash(framed, index, bucket);
    }
    return new RecordDigest(buckets, framed);
  }
}

const EMPTY = RecordDigest.empty();

function setBucketHash(framed: Uint8Array, index: number, bucket: Bucket): void {
  framed.set(hashEntries(bucket), PREFIX.length + index * SHA256_BYTES);
}

/** Per key its new bytes, or `undefined` to delete it. */
type BucketEdit = Map<RecordKey, RecordBytes | undefined>;

function groupByBucket(change: RecordChange): ReadonlyMap<number, BucketEdit> {
  const touched = new Map<number, BucketEdit>();
  const add = (key: RecordKey, bytes: RecordBytes | undefined): void => {
    const index = sha256(key)[0] ?? 0;
    const edit: BucketEdit = touched.get(index) ?? new Map();
    touched.set(index, edit.set(key, bytes));
  };
  for (const key of change.deletes) add(key, undefined);
  for (const [key, bytes] of change.puts) add(key, bytes);
  return touched;
}

function editBucket(bucket: Bucket, edit: BucketEdit): Bucket {
  const entries = bucket.filter((entry) => !edit.has(entry.key));
  for (const [key, bytes] of edit) if (bytes !== undefined) entries.push({ key, recordHash: sha256(bytes) });
  return entries.sort((left, right) => compareText(left.key, right.key));
}

function hashEntries(entries: Bucket): Uint8Array {
  const keys = entries.map((entry) => utf8.encode(entry.key));
  const size = keys.reduce((sum, key) => sum + LENGTH_BYTES + key.length + SHA256_BYTES, 0);
  const framed = new Uint8Array(size);
  const view = new DataView(framed.buffer);
  let offset = 0;
  for (const [index, entry] of entries.entries()) {
    const key = keys[index] ?? new Uint8Array();
    view.setUint32(offset, key.length);
    framed.set(key, offset + LENGTH_BYTES);
    framed.set(entry.recordHash, offset + LENGTH_BYTES + key.length);
    offset += LENGTH_BYTES + key.length + SHA256_BYTES;
  }
  return sha256(framed);
}
