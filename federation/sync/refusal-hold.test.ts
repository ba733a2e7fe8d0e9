import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import type { HeadOrder } from '../model/head.ts';
import { RefusalHold } from './refusal-hold.ts';

const order = (version: number, beat = 0): HeadOrder => ({ incarnation: 1, epoch: 1, writerId: 'w', version, beat });

test('a refused version is tried again ever later, at most eight seconds apart; its beats count as the same', async () => {
  const clock = new ManualClock();
  const hold = new RefusalHold({ clock, random: new SeededRandom(1) });
  const waits: number[] = [];
  for (let round = 0; round < 10; round++) {
    hold.refused(order(1, round));
    const sinceMs = clock.monotonicMs();
    while (hold.covers(order(1, round + 1))) await clock.advance(50);
    waits.push(clock.monotonicMs() - sinceMs);
  }
  assert.ok((waits[0] ?? 0) <= 550, `the first wait took ${waits[0]} ms`);
  assert.ok(waits.every((wait) => wait <= 8_050));
  assert.ok((waits.at(-1) ?? 0) > 3_900);
});

test('another version waits a quarter of a second, and a release ends every wait', async () => {
  const clock = new ManualClock();
  const hold = new RefusalHold({ clock, random: new SeededRandom(1) });
  for (let round = 0; round < 6; round++) hold.refused(order(1));
  assert.equal(hold.covers(order(2)), true);
  await clock.advance(250);
  assert.deepEqual([hold.covers(order(2)), hold.covers(order(1))], [false, true]);
  hold.release();
  assert.equal(hold.covers(order(1)), false);
});
