import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { OpenLoop } from './open-loop.ts';
import type { Sample } from './sample.ts';
import type { Outcome, Probe } from './target.ts';

function loopOf(clock: ManualClock, ratePerSecond: number, probe: Probe): { loop: OpenLoop; samples: Sample[] } {
  const samples: Sample[] = [];
  const loop = new OpenLoop({ clock }, { name: 's', ratePerSecond, probe, onSample: (sample) => samples.push(sample) });
  return { loop, samples };
}

const GOOD: Outcome = { ok: true, answer: 'a' };

describe('open loop', () => {
  test('begins attempts at the rate, the first one at once', async () => {
    const clock = new ManualClock();
    const { loop, samples } = loopOf(clock, 100, (done) => done(GOOD));
    await clock.advance(95);
    assert.deepEqual(
      samples.map(({ dueMs }) => dueMs),
      [0, 10, 20, 30, 40, 50, 60, 70, 80, 90],
    );
    await loop.end();
    await clock.advance(1000);
    assert.equal(samples.length, 10);
  });

  test('does not wait for answers: attempts start on schedule while all earlier ones hang', async () => {
    const clock = new ManualClock();
    const hanging: ((outcome: Outcome) => void)[] = [];
    const { loop, samples } = loopOf(clock, 100, (done) => hanging.push(done));
    await clock.advance(500);
    assert.equal(loop.attempts, 51);
    for (const done of hanging) done(GOOD);
    assert.deepEqual(
      samples.slice(0, 2).map(({ latencyMs }) => latencyMs),
      [500, 490],
    );
  });

  test('counts latency from when the attempt was due, not from when it began', async () => {
    const clock = new ManualClock();
    let asleep = true;
    // The process stands still for 300 ms inside the first attempt, as under a stopped or overloaded machine.
    const late = new (class extends ManualClock {
      override monotonicMs(): number {
        return clock.monotonicMs() + (asleep ? 0 : 300);
      }
      override after(delayMs: number, task: () => void): ReturnType<ManualClock['after']> {
        return clock.after(delayMs, task);
      }
    })();
    const samples: Sample[] = [];
    const probe: Probe = (done) => {
      asleep = false;
      done(GOOD);
    };
    const loop = new OpenLoop(
      { clock: late },
      { name: 's', ratePerSecond: 10, probe, onSample: (one) => samples.push(one) },
    );
    await loop.end();
    assert.deepEqual(
      samples.map(({ dueMs, lagMs, latencyMs }) => [dueMs, lagMs, latencyMs]),
      [
        [0, 0, 300],
        [100, 200, 200],
        [200, 100, 100],
        [300, 0, 0],
      ],
    );
  });

  test('ends only when the last open attempt is over', async () => {
    const clock = new ManualClock();
    const hanging: ((outcome: Outcome) => void)[] = [];
    const { loop } = loopOf(clock, 10, (done) => hanging.push(done));
    let over = false;
    const ended = loop.end().then(() => (over = true));
    await clock.advance(1000);
    assert.equal(over, false);
    hanging[0]?.(GOOD);
    await ended;
    assert.equal(hanging.length, 1);
  });

  test('is settled for a moment once all that was due before it is over', async () => {
    const clock = new ManualClock();
    const hanging: ((outcome: Outcome) => void)[] = [];
    const { loop } = loopOf(clock, 10, (done) => hanging.push(done));
    await clock.advance(150);
    assert.equal(loop.isSettled(150), false);
    hanging[0]?.(GOOD);
    assert.deepEqual([loop.isSettled(100), loop.isSettled(101), loop.isSettled(150)], [true, false, false]);
    hanging[1]?.(GOOD);
    assert.deepEqual([loop.isSettled(150), loop.isSettled(201)], [true, false]);
  });
});
