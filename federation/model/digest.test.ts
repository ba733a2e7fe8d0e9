import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { applyChange, diffRecords } from './diff.ts';
import { RecordDigest } from './digest.ts';
import type { RecordSet } from './records.ts';

const records = fc
  .uniqueArray(fc.tuple(fc.stringMatching(/^[a-f]{1,3}$/), fc.uint8Array({ maxLength: 3 })), {
    selector: ([key]) => key,
    maxLength: 30,
  })
  .map((entries): RecordSet => new Map(entries));

/** The definition, written a second time in the plainest way. */
function plainDigest(set: RecordSet): string {
  const sha = (...parts: readonly Uint8Array[]): Buffer => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const sorted = [...set].sort((left, right) => (left[0] < right[0] ? -1 : 1));
  const buckets = Array.from({ length: 256 }, (_, bucket) => {
    const framed = sorted
      .filter(([key]) => sha(Buffer.from(key))[0] === bucket)
      .map(([key, bytes]) => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(Buffer.byteLength(key));
        return Buffer.concat([length, Buffer.from(key), sha(bytes)]);
      });
    return sha(...framed);
  });
  return sha(Buffer.from('isthmus-digest-v1\n'), ...buckets).toString('hex');
}

describe('RecordDigest', () => {
  it('is what the definition says', () => {
    fc.assert(
      fc.property(records, (set) => {
        assert.equal(RecordDigest.of(set).hex, plainDigest(set));
      }),
      { numRuns: 40 },
    );
  });

  it('gives the same when it follows changes as when it starts anew', () => {
    fc.assert(
      fc.property(fc.array(records, { minLength: 2, maxLength: 6 }), (sets) => {
        let digest = RecordDigest.empty();
        let current: RecordSet = new Map();
        for (const set of sets) {
          const change = diffRecords(current, set);
          digest = digest.with(change);
          current = applyChange(current, change);
          assert.equal(digest.hex, RecordDigest.of(set).hex);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('does not depend on the order in which records come', () => {
    fc.assert(
      fc.property(records, (set) => {
        assert.equal(RecordDigest.of(new Map([...set].toReversed())).hex, RecordDigest.of(set).hex);
      }),
      { numRuns: 100 },
    );
  });

  it('changes with every octet of a record, with its key, and with what is missing', () => {
    const set: RecordSet = new Map([
      ['cluster', Uint8Array.of(1, 2)],
      ['gateway/a', Uint8Array.of(3)],
    ]);
    const others: readonly RecordSet[] = [
      new Map([...set, ['cluster', Uint8Array.of(1, 3)]]),
      new Map([...set, ['gateway/b', Uint8Array.of(3)]]),
      new Map([['cluster', Uint8Array.of(1, 2)]]),
      new Map([
        ['cluster', Uint8Array.of(3)],
        ['gateway/a', Uint8Array.of(1, 2)],
      ]),
    ];
    const digests = new Set([set, ...others].map((other) => RecordDigest.of(other).hex));
    assert.equal(digests.size, 5);
  });

  it('is the same object after a change that names nothing, and untouched by later changes', () => {
    const digest = RecordDigest.of(new Map([['cluster', Uint8Array.of(1)]]));
    const before = digest.hex;
    assert.equal(digest.with({ puts: new Map(), deletes: [] }), digest);
    digest.with({ puts: new Map([['cluster', Uint8Array.of(2)]]), deletes: [] });
    assert.equal(digest.hex, before);
    assert.equal(digest.with({ puts: new Map(), deletes: ['no/such'] }).hex, before);
  });
});
