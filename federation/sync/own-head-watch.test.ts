import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeadOrder } from '../model/head.ts';
import { OwnHeadWatch } from './own-head-watch.ts';

function order(version: number): HeadOrder {
  return { incarnation: 1, epoch: 1, writerId: 'west-0', version, beat: 0 };
}

function watch(): { watched: OwnHeadWatch; doubts: () => number } {
  let doubts = 0;
  const watched = new OwnHeadWatch(() => {
    doubts += 1;
  });
  return { watched, doubts: () => doubts };
}

test('an own head that goes back or away is doubted', () => {
  const { watched, doubts } = watch();
  watched.hinted(order(2));
  watched.polled(order(3));
  assert.equal(doubts(), 0);
  watched.polled(order(2));
  assert.equal(doubts(), 1);
  watched.polled(undefined);
  assert.equal(doubts(), 2);
});

test('one forged notice of a great number costs one doubt, and not one at every look from then on', () => {
  const { watched, doubts } = watch();
  watched.hinted(order(3));
  watched.hinted(order(Number.MAX_SAFE_INTEGER));
  for (let round = 0; round < 10; round++) watched.polled(order(3));
  assert.equal(doubts(), 1);
});
