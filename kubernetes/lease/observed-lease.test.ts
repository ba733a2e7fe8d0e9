import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaseToWrite, readLease } from './lease-object.ts';
import { expiresAtMs, isFree, observe, transitionsFor } from './observed-lease.ts';

const WHERE = { namespace: 'isthmus-system', name: 'isthmus-controller' };

function claimOf(holder: string, { renewedAtMs = 0, transitions = 1, ttlMs = 6_000 } = {}) {
  const object = leaseToWrite(WHERE, { holder, ttlMs, transitions, nowMs: renewedAtMs }, undefined);
  return readLease({ ...object, metadata: { ...object.metadata, resourceVersion: '1' } }).claim;
}

test('a renewal counts from when it was seen, whatever the clock of its writer says', () => {
  for (const renewedAtMs of [0, 10 * 365 * 86_400_000]) {
    const seen = observe(undefined, claimOf('a', { renewedAtMs }), 1_000);
    assert.equal(expiresAtMs(seen), 7_000);
    assert.equal(isFree(seen, 'b', 6_999), false);
    assert.equal(isFree(seen, 'b', 7_000), true);
    assert.equal(isFree(seen, 'a', 1_000), true);
  }
});

test('reading the same renewal again does not prolong it, a new one does', () => {
  const first = observe(undefined, claimOf('a', { renewedAtMs: 5 }), 1_000);
  assert.equal(observe(first, claimOf('a', { renewedAtMs: 5 }), 4_000), first);
  assert.equal(expiresAtMs(observe(first, claimOf('a', { renewedAtMs: 6 }), 4_000)), 10_000);
});

test('transitions grow with each change of holder and not with a renewal', () => {
  const seen = observe(undefined, claimOf('a', { transitions: 7 }), 0);
  assert.equal(transitionsFor(undefined, 'a'), 1);
  assert.equal(transitionsFor(seen, 'a'), 7);
  assert.equal(transitionsFor(seen, 'b'), 8);
  assert.equal(transitionsFor(observe(seen, claimOf('', { transitions: 7 }), 0), 'a'), 8);
});

test('an object that other tools wrote is read for what it says, and what it lacks is not held', () => {
  const metadata = { name: 'x', resourceVersion: '3', labels: { mine: 'yes' } };
  const empty = readLease({ metadata, spec: { holderIdentity: null, leaseTransitions: 'many' } });
  assert.equal(empty.claim.holder, undefined);
  assert.equal(empty.claim.transitions, 0);
  assert.equal(isFree(observe(undefined, empty.claim, 0), 'a', 0), true);
  const next = leaseToWrite(WHERE, { holder: 'a', ttlMs: 40, transitions: 1, nowMs: 0 }, empty);
  assert.deepEqual(next.metadata, metadata);
  assert.equal(next.spec?.leaseDurationSeconds, 1);
  assert.equal(next.spec?.renewTime, '1970-01-01T00:00:00.000000Z');
  assert.throws(() => readLease('no object'));
});

test('acquireTime stays over renewals and changes with the holder', () => {
  const taken = leaseToWrite(WHERE, { holder: 'a', ttlMs: 6_000, transitions: 1, nowMs: 1_000 }, undefined);
  const stored = readLease({ ...taken, metadata: { ...taken.metadata, resourceVersion: '1' } });
  const renewed = leaseToWrite(WHERE, { holder: 'a', ttlMs: 6_000, transitions: 1, nowMs: 2_000 }, stored);
  assert.equal(renewed.spec?.acquireTime, taken.spec?.acquireTime);
  assert.notEqual(renewed.spec?.renewTime, taken.spec?.renewTime);
  const passed = leaseToWrite(WHERE, { holder: 'b', ttlMs: 6_000, transitions: 2, nowMs: 3_000 }, stored);
  assert.equal(passed.spec?.acquireTime, passed.spec?.renewTime);
});
