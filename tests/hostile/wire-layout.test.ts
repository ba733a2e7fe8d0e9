import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeHead, decodeRoster, encodeHead, encodeRoster, placeOf } from './wire-layout.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

test('a key of the documented layout names its place and its cluster, and any other key names none', () => {
  assert.deepEqual(placeOf(text('isthmus:{prod.example.org/east}:head')), { kind: 'head', cluster: 'east' });
  assert.deepEqual(placeOf(text('isthmus:{prod.example.org/east}:rec')), { kind: 'rec', cluster: 'east' });
  assert.deepEqual(placeOf(text('isthmus:{prod.example.org}:roster')), { kind: 'roster', cluster: '' });
  for (const key of ['isthmus:{prod.example.org}:head', 'isthmus:{prod.example.org/east}:lease:east', 'head', '']) {
    assert.equal(placeOf(text(key)).kind, 'other', key);
  }
});

test('a stored head is read back with its exact octets, line feeds among them', () => {
  const order = { incarnation: 1, epoch: 2, writerId: 'w', version: 3, beat: 4 };
  const head = { bytes: Uint8Array.from([10, 0, 255, 10]), signature: Uint8Array.from([1, 2]), signerChain: 'ab' };
  const read = decodeHead(encodeHead({ order, head }));
  assert.deepEqual(read?.order, order);
  assert.deepEqual([...(read?.head.bytes ?? [])], [...head.bytes]);
  assert.deepEqual([...(read?.head.signature ?? [])], [...head.signature]);
  assert.equal(decodeHead(text('garbage')), undefined);
  assert.equal(decodeHead(text('{\nchain\nc2ln\nhead')), undefined);
});

test('a stored roster is read back, and garbage is none', () => {
  const roster = { version: 7, bytes: text('{"a":\n1}') };
  const read = decodeRoster(encodeRoster(roster));
  assert.equal(read?.version, 7);
  assert.deepEqual([...(read?.bytes ?? [])], [...roster.bytes]);
  assert.equal(decodeRoster(text('x\ny')), undefined);
  assert.equal(decodeRoster(text('\n')), undefined);
});
