import assert from 'node:assert/strict';
import { test } from 'node:test';
import { untilAborted } from './until-aborted.ts';

test('it resolves when the signal fires, and not before', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const waiting = untilAborted(stop.signal).then(() => seen.push('resolved'));
  await new Promise<void>((resolve) => setImmediate(resolve));
  assert.deepEqual(seen, []);
  stop.abort(new Error('over'));
  await waiting;
  assert.deepEqual(seen, ['resolved']);
});

test('it resolves at once when the signal has fired', () => untilAborted(AbortSignal.abort()));
