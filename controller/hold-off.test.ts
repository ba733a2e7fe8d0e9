import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, ManualClock } from '../runtime/clock.ts';
import { HoldOff } from './hold-off.ts';

function started(): { clock: ManualClock; holdOff: HoldOff; runs: number[] } {
  const clock = new ManualClock();
  const runs: number[] = [];
  const run = (): undefined => void runs.push(clock.monotonicMs());
  return { clock, runs, holdOff: new HoldOff({ clock }, { quietMs: 10, maxMs: 50, run }) };
}

test('the first change after a quiet time runs at once', async () => {
  const { clock, holdOff, runs } = started();
  await clock.advance(1_000);
  holdOff.mark();
  await clock.advance(0);
  assert.deepEqual(runs, [1_000]);
});

test('a burst is gathered into one run once it is quiet', async () => {
  const { clock, holdOff, runs } = started();
  await clock.advance(1_000);
  holdOff.mark();
  await clock.advance(1);
  for (let change = 0; change < 5; change++) {
    holdOff.mark();
    await clock.advance(2);
  }
  await clock.advance(100);
  assert.deepEqual(runs, [1_000, 1_019]);
});

test('changes that never stop are not held longer than the maximum', async () => {
  const { clock, holdOff, runs } = started();
  await clock.advance(1_000);
  for (let ms = 0; ms < 500; ms += 5) {
    holdOff.mark();
    await clock.advance(5);
  }
  const gaps = runs.slice(1).map((at, index) => at - (runs[index] ?? 0));
  assert.ok(runs.length > 5, `only ${runs.length} runs`);
  assert.ok(Math.max(...gaps) <= 60, `gaps of ${gaps.join(', ')} ms`);
});

test('what may wait is gathered under limits of its own', async () => {
  const { clock, holdOff, runs } = started();
  await clock.advance(1_000);
  for (let ms = 0; ms < 300; ms += 50) {
    holdOff.markLater({ quietMs: 100, maxMs: 1_000 });
    await clock.advance(50);
  }
  assert.deepEqual(runs, []);
  await clock.advance(100);
  assert.deepEqual(runs, [1_350]);
});

test('what may wait waits no longer than its own maximum', async () => {
  const { clock, holdOff, runs } = started();
  for (let ms = 0; ms <= 400; ms += 50) {
    holdOff.markLater({ quietMs: 100, maxMs: 400 });
    await clock.advance(50);
  }
  assert.deepEqual(runs, [400]);
});

test('a change that does not wait takes along what does', async () => {
  const { clock, holdOff, runs } = started();
  await clock.advance(1_000);
  holdOff.markLater({ quietMs: 500, maxMs: 1_000 });
  holdOff.mark();
  holdOff.markLater({ quietMs: 500, maxMs: 1_000 });
  await clock.advance(0);
  assert.deepEqual(runs, [1_000]);
  await clock.advance(2_000);
  assert.deepEqual(runs, [1_000]);
});

test('a run that takes long leaves as much time to others before the next', async () => {
  const clock = new ManualClock();
  let tookMs = 0;
  const running: Clock = {
    epochMs: () => clock.epochMs(),
    monotonicMs: () => clock.monotonicMs() + tookMs,
    after: (delayMs, task) => clock.after(delayMs, task),
    sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
  };
  let runs = 0;
  const run = (): undefined => {
    runs += 1;
    tookMs += 300;
  };
  const holdOff = new HoldOff({ clock: running }, { quietMs: 10, maxMs: 50, run });
  holdOff.mark();
  await clock.advance(0);
  holdOff.mark();
  await clock.advance(299);
  assert.equal(runs, 1);
  await clock.advance(1);
  assert.equal(runs, 2);
});

test('the rest of a run leaves the I/O of its first part some time, and is dropped for the next run or the end', async () => {
  const clock = new ManualClock();
  const calls: string[] = [];
  const run = () => {
    calls.push(`run ${clock.monotonicMs()}`);
    return () => void calls.push(`rest ${clock.monotonicMs()}`);
  };
  const holdOff = new HoldOff({ clock }, { quietMs: 1, maxMs: 50, run });
  holdOff.mark();
  await clock.advance(10);
  assert.deepEqual(calls.splice(0), ['run 0', 'rest 2']);
  holdOff.mark();
  await clock.advance(0);
  holdOff.mark();
  await clock.advance(10);
  assert.deepEqual(calls.splice(0), ['run 10', 'run 11', 'rest 13']);
  holdOff.mark();
  await clock.advance(0);
  holdOff.close();
  await clock.advance(10);
  assert.deepEqual(calls, ['run 20']);
});

test('after closing nothing runs', async () => {
  const { clock, holdOff, runs } = started();
  holdOff.mark();
  holdOff.close();
  holdOff.mark();
  await clock.advance(1_000);
  assert.deepEqual(runs, []);
});
