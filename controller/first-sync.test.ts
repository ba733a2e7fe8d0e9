import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId } from '../federation/model/ids.ts';
import { FirstSync } from './first-sync.ts';

const [EAST, WEST] = [parseClusterId('east'), parseClusterId('west')];

function knowing(...members: readonly (typeof EAST)[]): FirstSync {
  const sync = new FirstSync();
  sync.know(members);
  return sync;
}

test('a site without other members is complete as soon as its disk was read', () => {
  const sync = knowing();
  assert.equal(sync.complete, false);
  sync.begin();
  assert.equal(sync.complete, true);
});

test('members that came from disk are not waited for', () => {
  const sync = knowing(EAST);
  sync.heard(EAST);
  sync.begin();
  assert.equal(sync.complete, true);
});

test('a member that the store lists is waited for until it was read', () => {
  const sync = knowing(EAST, WEST);
  sync.begin();
  sync.listed(new Set([EAST]));
  assert.equal(sync.message, 'waiting to read east from the store');
  sync.heard(EAST);
  assert.deepEqual([sync.complete, sync.message], [true, undefined]);
});

test('a dark store and an empty disk are not taken for empty clusters', () => {
  const sync = knowing(EAST);
  sync.begin();
  sync.giveUp();
  assert.equal(sync.complete, false);
  assert.match(sync.message ?? '', /^nothing is known of east yet/);
});

test('a member of a newer roster is waited for too', () => {
  const sync = knowing(EAST);
  sync.begin();
  sync.know([EAST, WEST]);
  sync.heard(EAST);
  assert.equal(sync.complete, false);
  sync.heard(WEST);
  assert.equal(sync.complete, true);
});

test('a member that is listed and cannot be read is given up, and named until it is heard of', () => {
  const sync = knowing(EAST, WEST);
  sync.begin();
  sync.listed(new Set([EAST, WEST]));
  sync.heard(WEST);
  sync.giveUp();
  assert.deepEqual([sync.complete, sync.missed], [true, [EAST]]);
  assert.equal(sync.message, 'gateways were programmed without east');
  sync.heard(EAST);
  assert.equal(sync.message, undefined);
});

test('a store that lists nothing of a cluster that was accepted once has lost it, and its writer is waited for', () => {
  const sync = new FirstSync();
  sync.know([EAST, WEST], (cluster) => cluster === WEST);
  sync.begin();
  sync.listed(new Set());
  assert.deepEqual([sync.complete, sync.message], [false, 'waiting to read west from the store']);
  sync.heard(WEST);
  assert.deepEqual([sync.complete, sync.whole], [true, true]);
});

test('while one that was given up is not heard of, not all is known', () => {
  const sync = new FirstSync();
  sync.know([EAST, WEST], () => true);
  sync.begin();
  sync.listed(new Set([EAST]));
  sync.heard(EAST);
  sync.giveUp();
  assert.deepEqual([sync.complete, sync.whole, sync.missed], [true, false, [WEST]]);
  sync.heard(WEST);
  assert.equal(sync.whole, true);
});

test('a member that was given up and is taken off the roster is not missed any more', () => {
  const sync = new FirstSync();
  sync.know([EAST, WEST], () => true);
  sync.begin();
  sync.listed(new Set([EAST]));
  sync.heard(EAST);
  sync.giveUp();
  assert.equal(sync.whole, false);
  sync.know([EAST]);
  assert.deepEqual([sync.whole, sync.message], [true, undefined]);
});
