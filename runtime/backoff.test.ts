import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, integer, property } from 'fast-check';
import { Backoff } from './backoff.ts';
import { type Random, SeededRandom } from './random.ts';

const fixed = (fraction: number): Random => ({ bytes: () => new Uint8Array(), fraction: () => fraction });

test('without luck the delay doubles from half the first step up to the maximum', () => {
  const backoff = new Backoff({ random: fixed(0) }, { initialMs: 100, maxMs: 1_000 });
  assert.deepEqual(
    Array.from({ length: 6 }, () => backoff.nextMs()),
    [50, 100, 200, 400, 500, 500],
  );
  assert.equal(backoff.failures, 6);
});

test('after a success it begins anew', () => {
  const backoff = new Backoff({ random: fixed(0) }, { initialMs: 100, maxMs: 1_000 });
  backoff.nextMs();
  backoff.nextMs();
  backoff.reset();
  assert.deepEqual([backoff.failures, backoff.nextMs()], [0, 50]);
});

test('every delay lies between half of its step and all of it, however often it failed', () => {
  assertProperty(
    property(
      integer(),
      integer({ min: 1, max: 1_000 }),
      integer({ min: 1_000, max: 60_000 }),
      (seed, initialMs, maxMs) => {
        const backoff = new Backoff({ random: new SeededRandom(seed) }, { initialMs, maxMs });
        for (let failure = 0; failure < 100; failure++) {
          const step = Math.min(maxMs, initialMs * 2 ** Math.min(failure, 30));
          const delay = backoff.nextMs();
          assert.ok(delay >= step / 2 && delay < step, `${delay} of a step of ${step}`);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('a hundred controllers that failed together do not come back together', () => {
  const delays = Array.from({ length: 100 }, (_, seed) =>
    Math.round(new Backoff({ random: new SeededRandom(seed) }, { initialMs: 10_000, maxMs: 10_000 }).nextMs() / 100),
  );
  assert.ok(new Set(delays).size > 30, 'the tenths of a second they come back in');
});
