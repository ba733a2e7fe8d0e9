import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { verifySignature } from '../../trust/private-key.ts';
import { ACCEPT_RULE } from './accept.ts';
import { decodeRecord } from './decode.ts';
import { RecordDigest } from './digest.ts';
import { encodeRecord, recordKeyOf } from './encode.ts';
import { decodeHead, encodeHead } from './head-codec.ts';
import { DEFAULT_RECORD_LIMITS } from './records.ts';

/** The formats are promised to other versions: this code must read and write the octets that the document froze. */
interface Vectors {
  readonly records: readonly { readonly key: string; readonly bytes: string }[];
  readonly digest: string;
  readonly emptyDigest: string;
  readonly head: { readonly bytes: string; readonly publicKey: string; readonly signature: string };
}

const document = readFileSync(new URL('../../docs/reference/records.md', import.meta.url), 'utf8');
const [, json = ''] = /```json\n([\s\S]*?)\n```/.exec(document) ?? [];
// The document is ours; a missing field fails the test that reads it.
const vectors = JSON.parse(json) as Vectors;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

describe('the vectors of docs/reference/records.md', () => {
  it('cover every kind of record', () => {
    assert.deepEqual(
      vectors.records.map(({ key }) => key.split('/')[0]),
      ['cluster', 'gateway', 'service', 'chain'],
    );
  });

  for (const { key, bytes } of vectors.records) {
    it(`${key.slice(0, 24)} is read and written to the octet`, () => {
      const decoded = decodeRecord(key, bytesOf(bytes), DEFAULT_RECORD_LIMITS);
      assert.ok(decoded.ok, JSON.stringify(decoded));
      assert.equal(textOf(encodeRecord(decoded.value)), bytes);
      assert.equal(recordKeyOf(decoded.value), key);
    });
  }

  it('the digest of the records, and of none', () => {
    const records = new Map(vectors.records.map(({ key, bytes }) => [key, bytesOf(bytes)]));
    assert.equal(RecordDigest.of(records).hex, vectors.digest);
    assert.equal(RecordDigest.empty().hex, vectors.emptyDigest);
  });

  it('the head is read and written to the octet, and signs that digest', () => {
    const head = decodeHead(bytesOf(vectors.head.bytes));
    assert.ok(head.ok);
    assert.equal(textOf(encodeHead(head.value)), vectors.head.bytes);
    assert.equal(head.value.digest, vectors.digest);
  });

  it('the signature holds over the prefix and the head, and over nothing else', () => {
    const publicKey = fromBase64(vectors.head.publicKey);
    const signature = fromBase64(vectors.head.signature);
    assert.equal(signature.length, 64);
    assert.ok(verifySignature(publicKey, bytesOf(`isthmus-head-v1\n${vectors.head.bytes}`), signature));
    assert.ok(!verifySignature(publicKey, bytesOf(vectors.head.bytes), signature));
  });

  it('the table of what a reader checks lists the accept rule in its order', () => {
    const section = document.slice(document.indexOf('## What a reader checks'), document.indexOf('## Test vectors'));
    const named = [...section.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
    assert.deepEqual(named, ['head', ...ACCEPT_RULE.map((clause) => clause.name)]);
  });
});
