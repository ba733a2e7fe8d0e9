import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { AUDIT_INTERVAL_MS, BEAT_INTERVAL_MS, PublishPace, WEIGHT_INTERVAL_MS } from './publish-pace.ts';

interface Stage {
  readonly clock: ManualClock;
  readonly pace: PublishPace;
  /** Milliseconds from now until something is due. */
  waitMs(): number;
}

function stage(): Stage {
  const clock = new ManualClock();
  const pace = new PublishPace({ clock, random: new SeededRandom(3) });
  return { clock, pace, waitMs: () => pace.dueMs() - clock.monotonicMs() };
}

test('nothing is due before something was wanted', () => {
  const { pace, waitMs } = stage();
  assert.equal(waitMs(), Number.POSITIVE_INFINITY);
  assert.deepEqual(pace.take(), { change: false, beat: false, check: false, audit: false });
});

test('the first change of weight goes out at once, the next a second after it', async () => {
  const { clock, pace, waitMs } = stage();
  pace.wanted('weight');
  assert.equal(waitMs(), 0);
  assert.equal(pace.take().change, true);
  pace.committed();
  pace.settled();
  await clock.advance(100);
  pace.wanted('weight');
  assert.equal(waitMs(), WEIGHT_INTERVAL_MS - 100);
  pace.wanted('availability');
  assert.equal(waitMs(), 0);
});

test('a beat is due within three seconds of the last write, a little early at random', () => {
  const { pace, waitMs } = stage();
  const waits = Array.from({ length: 50 }, () => {
    pace.beaten();
    return waitMs();
  });
  assert.ok(waits.every((wait) => wait >= BEAT_INTERVAL_MS * 0.9 && wait <= BEAT_INTERVAL_MS));
  assert.ok(new Set(waits).size > 40, 'they differ');
});

test('what failed is due again after the wait, and a newer wish does not shorten it', async () => {
  const { clock, pace, waitMs } = stage();
  pace.wanted('availability');
  pace.take();
  assert.equal(pace.changePending, true);
  pace.failed(700);
  pace.wanted('availability');
  assert.equal(waitMs(), 700);
  await clock.advance(700);
  assert.deepEqual(pace.take(), { change: true, beat: false, check: true, audit: false });
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
