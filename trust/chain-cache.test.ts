import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChainCache } from './chain-cache.ts';
import { forgeLeaf, idOf, makeClusterset, NOW_MS } from './clusterset.fixture.ts';
import type { VerifySvidInput } from './verify.ts';

const { east, west } = makeClusterset();
const input: VerifySvidInput = { chain: east.chain, anchors: [east.ca], atMs: NOW_MS, expected: idOf(east) };
const DAY_MS = 86_400_000;

test('a chain that verified is remembered: the second answer is the same object', () => {
  const cache = new ChainCache();
  const first = cache.verify(input);
  const second = cache.verify({ ...input, atMs: NOW_MS + 1000 });
  assert.ok(first.ok && second.ok);
  assert.equal(first.value, second.value);
});

test('the end of a certificate counts on every hit', () => {
  const cache = new ChainCache();
  assert.equal(cache.verify(input).ok, true);
  const late = cache.verify({ ...input, atMs: NOW_MS + DAY_MS + 1 });
  assert.equal(late.ok ? 'ok' : late.reason, 'CertificateExpired');
  // A refusal drops the entry, so it is put back for the other end.
  assert.equal(cache.verify(input).ok, true);
  const early = cache.verify({ ...input, atMs: NOW_MS - DAY_MS });
  assert.equal(early.ok ? 'ok' : early.reason, 'CertificateNotYetValid');
});

test('an anchor that is taken away, and another identity, miss the cache', () => {
  const cache = new ChainCache();
  assert.equal(cache.verify(input).ok, true);
  assert.equal(cache.verify({ ...input, anchors: [west.ca] }).ok, false);
  assert.equal(cache.verify({ ...input, expected: idOf(east, '/gateway/one') }).ok, false);
  assert.equal(cache.verify({ ...input, expected: { trustDomain: west.trustDomain } }).ok, false);
});

test('refusals are not kept, and the least recently used chain goes first', () => {
  const cache = new ChainCache({ entriesMax: 2 });
  const [a, b, c] = [0, 1, 2].map(() => ({ ...input, chain: [forgeLeaf(east)] }));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  assert.equal(cache.verify({ ...input, chain: west.chain }).ok, false);
  assert.equal(cache.size, 0);
  const value = (which: VerifySvidInput): unknown => {
    const result = cache.verify(which);
    return result.ok ? result.value : undefined;
  };
  const [firstA, firstB] = [value(a), value(b)];
  assert.equal(value(a), firstA);
  value(c);
  assert.equal(cache.size, 2);
  assert.equal(value(a), firstA);
  assert.notEqual(value(b), firstB);
});
