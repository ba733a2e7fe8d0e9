import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SLOTS, slotOf } from './slots.ts';

test('slots are those of the cluster specification', () => {
  // "123456789" is the specification's own example of CRC16: 0x31C3.
  assert.equal(slotOf('123456789'), 0x31c3 % SLOTS);
  assert.equal(slotOf('foo'), 12_182);
  assert.equal(slotOf(''), 0);
});

test('only the first pair of braces counts, and only when something is in it', () => {
  assert.equal(slotOf('{user1000}.following'), slotOf('user1000'));
  assert.equal(slotOf('foo{{bar}}zap'), slotOf('{bar'));
  assert.equal(slotOf('foo{bar}{zap}'), slotOf('bar'));
  assert.notEqual(slotOf('foo{}{bar}'), slotOf('bar'));
  assert.equal(slotOf('isthmus:{a.example/west}:head'), slotOf('isthmus:{a.example/west}:rec'));
});
