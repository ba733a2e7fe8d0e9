import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, ServiceImportObject, WantedCondition } from '../api/objects.ts';
import { statusToWrite } from './status.ts';

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const READY: WantedCondition = { type: 'Ready', status: 'True', reason: 'Ready', message: '' };
const WRITTEN: Condition = { ...READY, observedGeneration: 3, lastTransitionTime: '2026-01-01T00:00:00Z' };

function present(conditions: readonly Condition[], generation = 3): ServiceImportObject {
  return { metadata: { namespace: 'shop', name: 'web', generation }, status: { conditions } };
}

test('a first condition gets the time in whole seconds and the generation of the object', () => {
  const status = statusToWrite({ conditions: [READY] }, present([]), NOW_MS);
  assert.deepEqual(status?.conditions, [
    { ...READY, observedGeneration: 3, lastTransitionTime: '2026-01-02T03:04:05Z' },
  ]);
});

test('nothing is written when the object says all of it', () => {
  assert.equal(statusToWrite({ conditions: [READY] }, present([WRITTEN]), NOW_MS), undefined);
});

test('the time of a transition stays while only reason or message change', () => {
  const wanted = { ...READY, message: 'more' };
  const status = statusToWrite({ conditions: [wanted] }, present([WRITTEN]), NOW_MS);
  assert.equal(status?.conditions[0]?.lastTransitionTime, WRITTEN.lastTransitionTime);
  const turned = { ...READY, status: 'False', reason: 'Pending' } as const;
  const changed = statusToWrite({ conditions: [turned] }, present([WRITTEN]), NOW_MS);
  assert.equal(changed?.conditions[0]?.lastTransitionTime, '2026-01-02T03:04:05Z');
});

test('a new generation is written, because the condition speaks of it', () => {
  const status = statusToWrite({ conditions: [READY] }, present([WRITTEN], 4), NOW_MS);
  assert.equal(status?.conditions[0]?.observedGeneration, 4);
});

test('a field beside the conditions that differs is written with them', () => {
  const status = statusToWrite(
    { fields: { clusters: [{ cluster: 'west' }] }, conditions: [READY] },
    present([WRITTEN]),
    NOW_MS,
  );
  assert.deepEqual(status, { clusters: [{ cluster: 'west' }], conditions: [WRITTEN] });
});
