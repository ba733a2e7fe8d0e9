import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Subscription } from './subscription.ts';

function request(subscribe: readonly string[], unsubscribe: readonly string[] = []) {
  return { subscribe, unsubscribe };
}

test('a first request without names is a subscription to everything', () => {
  const subscription = new Subscription();
  assert.equal(subscription.update(request([])).becameWildcard, true);
  assert.ok(subscription.covers('anything'));
});

test('a later request without names subscribes to nothing', () => {
  const subscription = new Subscription();
  subscription.update(request(['a']));
  assert.equal(subscription.update(request([])).becameWildcard, false);
  assert.ok(!subscription.covers('b'));
});

test('names that follow an implicit wildcard are added to it and do not end it', () => {
  const subscription = new Subscription();
  subscription.update(request([]));
  subscription.update(request(['a']));
  assert.ok(subscription.covers('b'));
  subscription.update(request([], ['*']));
  assert.deepEqual([subscription.covers('a'), subscription.covers('b')], [true, false]);
});

test('a star is a wildcard, also later and beside names', () => {
  const subscription = new Subscription();
  subscription.update(request(['a']));
  assert.equal(subscription.update(request(['*', 'b'])).becameWildcard, true);
  assert.ok(subscription.covers('c'));
  assert.deepEqual([...subscription.names], ['a', 'b']);
});

test('a name that is subscribed to again must be answered again', () => {
  const subscription = new Subscription();
  subscription.update(request(['a']));
  assert.deepEqual(subscription.update(request(['a'])).asked, ['a']);
});

test('an unsubscribed name is dropped, but under a wildcard it must be answered', () => {
  const explicit = new Subscription();
  explicit.update(request(['a', 'b']));
  assert.deepEqual(explicit.update(request([], ['a', 'unknown'])), {
    asked: [],
    dropped: ['a'],
    becameWildcard: false,
  });
  const wildcard = new Subscription();
  wildcard.update(request(['*', 'a']));
  assert.deepEqual(wildcard.update(request([], ['a'])), { asked: ['a'], dropped: [], becameWildcard: false });
});

test('a name in both lists of one request ends unsubscribed', () => {
  const subscription = new Subscription();
  subscription.update(request(['a', 'b'], ['b']));
  assert.deepEqual([...subscription.names], ['a']);
});
