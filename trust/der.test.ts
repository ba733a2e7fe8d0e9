import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  bitString,
  childrenOf,
  contentOf,
  DerError,
  type DerNode,
  decodeDer,
  encodeDer,
  integer,
  octetString,
  oid,
  readOid,
  readSmallInteger,
  sequence,
  TAG,
  time,
} from './der.ts';

const octets = fc.uint8Array({ maxLength: 200 });
const leaf: fc.Arbitrary<DerNode> = fc.oneof(
  octets.map(octetString),
  octets.map((content) => bitString(content)),
  octets.map(integer),
  fc.constantFrom('2.5.29.17', '1.2.840.10045.4.3.2', '0.9.2342.19200300.100.1.25').map(oid),
);
const { tree } = fc.letrec<{ tree: DerNode }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }).map((nodes) => sequence(...nodes)),
  ),
}));

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

test('what is encoded decodes and encodes again to the same octets', () => {
  fc.assert(
    fc.property(tree, (node) => {
      const bytes = encodeDer(node);
      assert.deepEqual(encodeDer(decodeDer(bytes)), bytes);
    }),
    { numRuns: 200 },
  );
});

test('octets that are not DER give a DerError and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        assert.deepEqual(encodeDer(decodeDer(bytes)), bytes);
      } catch (error) {
        assert.ok(error instanceof DerError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('a second encoding of the same value is refused', () => {
  const cases = {
    'long form of a short length': '30 81 03 02 01 05',
    'padded integer': '02 02 00 05',
    'indefinite length': '30 80 02 01 05 00 00',
    'octets after the value': '02 01 05 00',
    'constructed octet string': '24 03 04 01 05',
  };
  for (const [name, text] of Object.entries(cases)) {
    assert.throws(() => contentOf(decodeDer(hex(text)), decodeDer(hex(text)).type), DerError, name);
  }
});

test('a bit string that happens to hold ASN.1 stays octets, as an ECDSA signature must', () => {
  const inner = encodeDer(sequence(integer(Uint8Array.of(5)), integer(Uint8Array.of(6))));
  assert.deepEqual(contentOf(decodeDer(encodeDer(bitString(inner))), TAG.bitString).subarray(1), inner);
});

test('nesting is bounded', () => {
  let node = integer(Uint8Array.of(1));
  for (let depth = 0; depth < 40; depth++) node = sequence(node);
  assert.throws(() => decodeDer(encodeDer(node)), DerError);
});

test('integers are positive and minimal', () => {
  assert.deepEqual(encodeDer(integer(Uint8Array.of(0x80))), hex('02 02 00 80'));
  assert.deepEqual(encodeDer(integer(Uint8Array.of(0, 0, 0, 7))), hex('02 01 07'));
  assert.deepEqual(encodeDer(integer(new Uint8Array(4))), hex('02 01 00'));
  assert.equal(readSmallInteger(decodeDer(hex('02 02 01 00'))), 256);
  assert.throws(() => readSmallInteger(decodeDer(hex('02 01 ff'))), DerError);
});

test('times are UTCTime through 2049 and GeneralizedTime from 2050', () => {
  const text = (epochMs: number): string => Buffer.from(encodeDer(time(epochMs)).subarray(2)).toString();
  assert.equal(text(Date.UTC(2049, 11, 31, 23, 59, 59)), '491231235959Z');
  assert.equal(text(Date.UTC(2050, 0, 1)), '20500101000000Z');
  assert.equal(encodeDer(time(Date.UTC(2026, 0, 1)))[0], TAG.utcTime);
  assert.equal(encodeDer(time(Date.UTC(2050, 0, 1)))[0], TAG.generalizedTime);
});

test('reading a value as something that it is not is an error', () => {
  const node = decodeDer(encodeDer(sequence(oid('2.5.29.17'))));
  assert.equal(readOid(childrenOf(node, TAG.sequence)[0]), '2.5.29.17');
  assert.throws(() => contentOf(node, TAG.octetString), DerError);
  assert.throws(() => childrenOf(childrenOf(node, TAG.sequence)[0], TAG.sequence), DerError);
  assert.throws(() => readOid(childrenOf(node, TAG.sequence)[1]), DerError);
});
