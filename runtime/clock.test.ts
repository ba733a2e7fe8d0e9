import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, SystemClock } from './clock.ts';

test('a manual clock stands still until it is moved, and runs timers in the order of their due time', async () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  clock.after(20, () => ran.push('b'));
  clock.after(10, () => ran.push('a'));
  clock.after(20, () => ran.push('c'));
  await clock.advance(19);
  assert.deepEqual(ran, ['a']);
  await clock.advance(1);
  assert.deepEqual(ran, ['a', 'b', 'c']);
  assert.equal(clock.monotonicMs(), 20);
});

test('a timer sees the time that it was due at, and may set the next one', async () => {
  const clock = new ManualClock();
  const at: number[] = [];
  const tick = (): void => {
    at.push(clock.monotonicMs());
    if (at.length < 3) clock.after(100, tick);
  };
  clock.after(100, tick);
  await clock.advance(1_000);
  assert.deepEqual(at, [100, 200, 300]);
  assert.equal(clock.monotonicMs(), 1_000);
});

test('a cancelled timer does not run, also when another one cancels it', async () => {
  const clock = new ManualClock();
  const timer = clock.after(20, () => assert.fail('ran'));
  clock.after(10, () => timer.cancel());
  assert.equal(clock.waiting, 2);
  await clock.advance(100);
  assert.equal(clock.waiting, 0);
});

test('wall clock and monotonic clock of a manual clock move together', async () => {
  const clock = new ManualClock(1_000_000);
  await clock.advance(500);
  assert.equal(clock.epochMs(), 1_000_500);
  assert.equal(clock.monotonicMs(), 500);
});

test('what waits for a sleep goes on within the advance, before later timers', async () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  clock.after(30, () => ran.push('later timer'));
  const sleeper = clock.sleep(10).then(() => ran.push('slept'));
  await clock.advance(30);
  await sleeper;
  assert.deepEqual(ran, ['slept', 'later timer']);
});

for (const [name, clock] of [
  ['manual', new ManualClock()],
  ['system', new SystemClock()],
] as const) {
  test(`a sleep on the ${name} clock ends with its signal, and leaves no timer`, async () => {
    const stop = new AbortController();
    const sleeping = clock.sleep(60_000, stop.signal);
    const reason = new Error('enough');
    stop.abort(reason);
    await assert.rejects(sleeping, reason);
    if (clock instanceof ManualClock) assert.equal(clock.waiting, 0);
    await assert.rejects(clock.sleep(60_000, stop.signal), reason, 'a signal that has fired already ends it at once');
  });
}

test('the system clock runs a task once its delay is over, never before', async () => {
  const clock = new SystemClock();
  const startMs = clock.monotonicMs();
  await new Promise<void>((resolve) => {
    clock.after(20, resolve);
  });
  // Node counts timers in whole milliseconds of its loop, which may be rounded against the finer clock.
  assert.ok(clock.monotonicMs() - startMs >= 19);
});
