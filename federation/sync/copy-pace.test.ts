import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { AUDIT_INTERVAL_MS, CopyPace } from './copy-pace.ts';

interface Stage {
  readonly clock: ManualClock;
  readonly pace: CopyPace;
  /** Milliseconds from now until a look is due. */
  waitMs(): number;
}

function stage(): Stage {
  const clock = new ManualClock();
  const pace = new CopyPace({ clock, random: new SeededRandom(3) });
  return { clock, pace, waitMs: () => pace.dueMs() - clock.monotonicMs() };
}

test('no look is due before there was a doubt', () => {
  const { pace, waitMs } = stage();
  assert.equal(waitMs(), Number.POSITIVE_INFINITY);
  assert.deepEqual(pace.take(), { check: false, audit: false });
});

test('after a failure nothing is done before the wait is over, and then the copy is looked at', async () => {
  const { clock, pace } = stage();
  pace.failed(700);
  assert.equal(pace.notBeforeMs - clock.monotonicMs(), 700);
  await clock.advance(700);
  assert.deepEqual(pace.take(), { check: true, audit: false });
});

test('a store that keeps damaging what it is given is repaired ever less often', async () => {
  const { clock, pace, waitMs } = stage();
  const waits: number[] = [];
  for (let round = 0; round < 12; round++) {
    pace.repaired();
    waits.push(waitMs());
    await clock.advance(waitMs());
    assert.equal(pace.take().audit, true);
  }
  assert.ok(waits.every((wait, index) => index === 0 || wait >= (waits[index - 1] ?? 0)));
  assert.equal(waits.at(-1), AUDIT_INTERVAL_MS);
  pace.foundIntact();
  pace.repaired();
  assert.equal(waitMs(), waits[0]);
});

test('the store is looked at once for many hints', async () => {
  const { clock, pace, waitMs } = stage();
  pace.checkWanted();
  assert.equal(waitMs(), 0);
  assert.equal(pace.take().check, true);
  await clock.advance(10);
  for (let hint = 0; hint < 20; hint++) pace.checkWanted();
  assert.equal(waitMs(), 490);
});
