import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EPOCH_MAX, nextEpoch } from './epoch.ts';

test('the next epoch is one above the highest of all sources, whichever that is', () => {
  assert.deepEqual(nextEpoch({}), { epoch: 1, ignored: [] });
  assert.equal(nextEpoch({ persisted: 4, ownHead: 2, leaseTransitions: 3, peerReports: [1] }).epoch, 5);
  assert.equal(nextEpoch({ persisted: 1, ownHead: 9, leaseTransitions: 3, peerReports: [1] }).epoch, 10);
  assert.equal(nextEpoch({ persisted: 1, ownHead: 2, leaseTransitions: 7, peerReports: [1] }).epoch, 8);
  assert.equal(nextEpoch({ persisted: 1, ownHead: 2, leaseTransitions: 3, peerReports: [6, 12] }).epoch, 13);
});

test('a source that claims an impossible number is named and left out, so that it cannot use up the numbers', () => {
  const claims = { persisted: 4, ownHead: EPOCH_MAX, peerReports: [Number.MAX_SAFE_INTEGER, Number.NaN, -1, 1.5, 6] };
  assert.deepEqual(nextEpoch(claims), {
    epoch: 7,
    ignored: ['ownHead', 'peerReports[0]', 'peerReports[1]', 'peerReports[2]', 'peerReports[3]'],
  });
});
