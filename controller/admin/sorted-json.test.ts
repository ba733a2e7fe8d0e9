import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VoidToken } from '../../gateway-config/ir.ts';
import { sortedJson } from './sorted-json.ts';

test('keys are sorted at every depth, whatever the order they were made in', () => {
  assert.equal(sortedJson({ b: [{ d: 1, c: 2 }], a: 1 }), sortedJson({ a: 1, b: [{ c: 2, d: 1 }] }));
});

test('maps, sets, bytes and big numbers become plain JSON', () => {
  const value = {
    map: new Map([
      ['z', 1],
      ['a', 2],
    ]),
    set: new Set([1]),
    bytes: Uint8Array.of(1, 2, 3),
    big: 2n ** 64n,
  };
  assert.deepEqual(JSON.parse(sortedJson(value)), {
    big: '18446744073709551616',
    bytes: 'AQID',
    map: { a: 2, z: 1 },
    set: [1],
  });
  assert.ok(sortedJson(value).indexOf('"a"') < sortedJson(value).indexOf('"z"'));
});

test('what redacts itself stays redacted', () => {
  const text = sortedJson({ ir: { voidToken: new VoidToken('TOPSECRET') } });
  assert.ok(!text.includes('TOPSECRET'));
  assert.ok(text.includes('[redacted]'));
});

test('a circle ends', () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  assert.ok(sortedJson(circle).includes('[too deep]'));
});
