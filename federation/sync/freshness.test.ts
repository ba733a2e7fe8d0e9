import assert from 'node:assert/strict';
import { test } from 'node:test';
import { becomesStaleAtMs, HEAD_FRESH_MS, headAdvanced, headAge, NEVER_ADVANCED } from './freshness.ts';

test('a head that was never seen to advance has an unknown age, however long that lasts', () => {
  for (const nowMs of [0, HEAD_FRESH_MS, 1e12]) {
    assert.deepEqual(headAge(NEVER_ADVANCED, nowMs), { head: 'unknown', staleForMs: 0 });
  }
  assert.equal(becomesStaleAtMs(NEVER_ADVANCED), undefined);
});

test('a head is fresh for less than nine seconds after its last advance, and stale from then on', () => {
  const freshness = headAdvanced(1_000);
  assert.deepEqual(headAge(freshness, 1_000), { head: 'fresh', staleForMs: 0 });
  assert.deepEqual(headAge(freshness, 1_000 + HEAD_FRESH_MS - 1), { head: 'fresh', staleForMs: 0 });
  assert.deepEqual(headAge(freshness, 1_000 + HEAD_FRESH_MS), { head: 'stale', staleForMs: 0 });
  assert.deepEqual(headAge(freshness, 1_000 + HEAD_FRESH_MS + 250), { head: 'stale', staleForMs: 250 });
  assert.equal(becomesStaleAtMs(freshness), 1_000 + HEAD_FRESH_MS);
});
