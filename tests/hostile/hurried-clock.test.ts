import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HurriedClock } from './hurried-clock.ts';

const INIT = { factor: 20, epochAtStartMs: Date.UTC(2026, 0, 1) };

test('timers run in the order of their due times, and one that another cancels does not run', async () => {
  using clock = new HurriedClock(INIT);
  const ran: string[] = [];
  const cancelled = clock.after(300, () => ran.push('cancelled'));
  clock.after(200, () => {
    ran.push('second');
    cancelled.cancel();
  });
  clock.after(100, () => ran.push('first'));
  await clock.sleep(400);
  assert.deepEqual(ran, ['first', 'second']);
  assert.ok(clock.monotonicMs() >= 400);
  assert.equal(clock.epochMs() - clock.monotonicMs(), INIT.epochAtStartMs);
});

test('a stall of the process passes as one tick', async () => {
  using clock = new HurriedClock(INIT);
  await clock.sleep(10);
  const beforeMs = clock.monotonicMs();
  const endMs = performance.now() + 200;
  while (performance.now() < endMs);
  await clock.sleep(1);
  // 200 ms in real time would be 4 s: two ticks of at most 12 ms each are what is counted.
  assert.ok(clock.monotonicMs() - beforeMs < 2_000, `${clock.monotonicMs() - beforeMs} ms passed`);
});

test('a sleep ends with its signal', async () => {
  using clock = new HurriedClock(INIT);
  const stop = new AbortController();
  const slept = clock.sleep(60_000, stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(slept, /enough/);
  await assert.rejects(clock.sleep(1, stop.signal), /enough/);
});
