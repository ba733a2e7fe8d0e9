import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeadOrder } from '../model/head.ts';
import { type ClusterId, parseClusterId } from '../model/ids.ts';
import { NoticeGaps } from './notice-gaps.ts';

const EAST = parseClusterId('east');

function order(beat: number): HeadOrder {
  return { incarnation: 1, epoch: 1, writerId: 'east-0', version: 1, beat };
}

function heads(beat: number): readonly (readonly [ClusterId, { order: HeadOrder }])[] {
  return [[EAST, { order: order(beat) }]];
}

test('heads that hints brought before a poll found them are no gap', () => {
  const gaps = new NoticeGaps();
  gaps.polled(heads(1));
  gaps.hinted(EAST, order(2));
  assert.deepEqual([gaps.polled(heads(2)), gaps.polled(heads(2))], [0, 0]);
});

test('a hint that arrives after the poll that found the same head is not lost', () => {
  const gaps = new NoticeGaps();
  gaps.polled(heads(1));
  gaps.polled(heads(2));
  gaps.hinted(EAST, order(2));
  assert.equal(gaps.polled(heads(2)), 0);
});

test('a head of which no hint comes until the next poll is a gap, and counted once', () => {
  const gaps = new NoticeGaps();
  gaps.polled(heads(1));
  gaps.polled(heads(2));
  assert.deepEqual([gaps.polled(heads(2)), gaps.polled(heads(2))], [1, 0]);
});

test('an older hint does not excuse the newer head', () => {
  const gaps = new NoticeGaps();
  gaps.polled(heads(1));
  gaps.polled(heads(3));
  gaps.hinted(EAST, order(2));
  assert.equal(gaps.polled(heads(3)), 1);
});

test('the first look and an interruption that was told are no gap', () => {
  const gaps = new NoticeGaps();
  assert.equal(gaps.polled(heads(1)), 0);
  gaps.polled(heads(2));
  gaps.interrupted();
  gaps.polled(heads(5));
  assert.equal(gaps.polled(heads(5)), 0);
});

test('made-up names take up no more than a bounded place', () => {
  const gaps = new NoticeGaps();
  gaps.polled(heads(1));
  const before = process.memoryUsage().heapUsed;
  for (let name = 0; name < 300_000; name++) gaps.hinted(parseClusterId(`c-${name}`), order(1));
  assert.ok(process.memoryUsage().heapUsed - before < 32 * 1024 * 1024);
  gaps.polled(heads(2));
  assert.equal(gaps.polled(heads(2)), 1, 'what was known before is watched on');
});
