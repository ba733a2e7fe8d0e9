import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { canonicalBytes } from './canonical-json.ts';
import { decodeHead, encodeHead, HEAD_BYTES_MAX } from './head-codec.ts';
import { exampleHead } from './testing/records.fixture.ts';

/** A head without acknowledgements is read by a quick way of its own; both ways must agree. */
const HEADS = {
  'with acknowledgements': exampleHead({ version: 12, beat: 3, acks: { 'drain/gw-1': 'east' } }),
  'without acknowledgements': exampleHead({ version: 12, beat: 3, acks: {} }),
};

for (const [kind, head] of Object.entries(HEADS))
  describe(`head codec, a head ${kind}`, () => {
    it('reads back a head as it was written', () => {
      const decoded = decodeHead(encodeHead(head));
      assert.deepEqual(decoded.ok ? decoded.value : decoded, head);
    });

    it('ignores fields that a newer writer of the same schema added', () => {
      const decoded = decodeHead(canonicalBytes({ ...head, future: 1 }));
      assert.deepEqual(decoded.ok ? decoded.value : decoded, head);
    });

    const refused: readonly [string, Uint8Array, string][] = [
      ['a newer schema', canonicalBytes({ ...head, schema: 2, digest: 5 }), 'SchemaTooNew'],
      ['a negative version', canonicalBytes({ ...head, version: -1 }), 'InvalidHead'],
      ['a version that is no integer', canonicalBytes({ ...head, version: 1.5 }), 'InvalidHead'],
      ['a version beyond 2^53', canonicalBytes({ ...head, version: 2 ** 60 }), 'InvalidHead'],
      ['a digest in upper case', canonicalBytes({ ...head, digest: 'A'.repeat(64) }), 'InvalidHead'],
      ['a cluster that is no DNS label', canonicalBytes({ ...head, cluster: 'west.east' }), 'InvalidHead'],
      ['a writer id with a slash', canonicalBytes({ ...head, writerId: 'a/b' }), 'InvalidHead'],
      ['a field of another type', canonicalBytes({ ...head, writerId: 7 }), 'InvalidHead'],
      ['a list for the acknowledgements', canonicalBytes({ ...head, acks: [] }), 'InvalidHead'],
      ['a missing field', canonicalBytes({ ...head, epoch: undefined }), 'InvalidHead'],
      ['white space', new TextEncoder().encode(` ${JSON.stringify(head)}`), 'NotCanonical'],
      ['more octets than a head may have', new Uint8Array(HEAD_BYTES_MAX + 1), 'HeadTooLarge'],
    ];
    for (const [name, bytes, reason] of refused) {
      it(`refuses ${name}`, () => {
        const decoded = decodeHead(bytes);
        assert.equal(decoded.ok ? '' : decoded.reason, reason);
      });
    }

    it('never throws, whatever octets are changed', () => {
      const bytes = encodeHead(head);
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
          const changed = Uint8Array.from(bytes);
          changed[at] = (changed[at] ?? 0) ^ mask;
          const decoded = decodeHead(changed);
          assert.ok(!decoded.ok || Buffer.compare(encodeHead(decoded.value), bytes) !== 0);
        }),
        { numRuns: 2_000 },
      );
    });
  });
