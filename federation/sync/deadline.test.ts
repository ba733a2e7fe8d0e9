import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { BULK_TIMEOUT_MS, COMMAND_TIMEOUT_MS, commitTimeoutMs, withDeadline } from './deadline.ts';

const never = new Promise<never>(() => undefined);

test('a call that is never answered fails at its deadline, as a store that is out of reach', async () => {
  const clock = new ManualClock();
  const refused = assert.rejects(withDeadline(never, { clock, timeoutMs: 2_000, what: 'heads' }), {
    code: 'store-unavailable',
    message: 'the store did not answer heads within 2000 ms',
  });
  await clock.advance(2_000);
  await refused;
});

test('an answer or a failure passes through and leaves no timer behind', async () => {
  const clock = new ManualClock();
  const deadline = { clock, timeoutMs: 2_000, what: 'heads' };
  assert.equal(await withDeadline(Promise.resolve(7), deadline), 7);
  await assert.rejects(withDeadline(Promise.reject(new Error('broken')), deadline), /broken/);
  assert.equal(clock.waiting, 0);
});

test('a signal ends the wait at once, also when it fired before', async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const deadline = { clock, timeoutMs: 2_000, what: 'heads', signal: stop.signal };
  const running = assert.rejects(withDeadline(never, deadline), /closed/);
  stop.abort(new Error('closed'));
  await running;
  await assert.rejects(withDeadline(never, deadline), /closed/);
  assert.equal(clock.waiting, 0);
});

test('a large commit gets the time of a bulk transfer', () => {
  assert.equal(commitTimeoutMs(1_000), COMMAND_TIMEOUT_MS);
  assert.equal(commitTimeoutMs(1_000_000), BULK_TIMEOUT_MS);
});
