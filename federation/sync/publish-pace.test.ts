import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { BEAT_INTERVAL_MS, PublishPace, WEIGHT_INTERVAL_MS } from './publish-pace.ts';

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
  assert.deepEqual(pace.due(), { change: false, beat: false });
});

test('the first change of weight goes out at once, the next a second after it', async () => {
  const { clock, pace, waitMs } = stage();
  pace.wanted('weight');
  assert.equal(waitMs(), 0);
  assert.equal(pace.due().change, true);
  pace.changeTaken();
  pace.versionMade();
  await clock.advance(100);
  pace.wanted('weight');
  assert.equal(waitMs(), WEIGHT_INTERVAL_MS - 100);
  pace.wanted('availability');
  assert.equal(waitMs(), 0);
});

test('a beat is due within three seconds of the last head, a little early at random', () => {
  const { pace, waitMs } = stage();
  const waits = Array.from({ length: 50 }, () => {
    pace.headMade();
    return waitMs();
  });
  assert.ok(waits.every((wait) => wait >= BEAT_INTERVAL_MS * 0.9 && wait <= BEAT_INTERVAL_MS));
  assert.ok(new Set(waits).size > 40, 'they differ');
});

test('a change that comes while another is being made is due again', () => {
  const { pace, waitMs } = stage();
  pace.wanted('availability');
  pace.changeTaken();
  pace.wanted('availability');
  pace.versionMade();
  assert.equal(pace.changePending, true);
  assert.equal(waitMs(), 0);
});

test('news for the next beat brings it forward, but not closer than half a second to the last head', async () => {
  const { clock, pace, waitMs } = stage();
  pace.headMade();
  await clock.advance(100);
  pace.beatInfoChanged();
  assert.equal(waitMs(), 400);
});
