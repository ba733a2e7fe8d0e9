import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { endedMs, type Sample, startedMs } from './sample.ts';
import { firstAnswerMs, percentiles, select, summarise, summariseEvent } from './summary.ts';

function sample(dueMs: number, more: Partial<Sample> = {}): Sample {
  return { stream: 'http', dueMs, lagMs: 0, latencyMs: 1, ok: true, answer: 'east-1', ...more };
}

function failed(dueMs: number, more: Partial<Sample> = {}): Sample {
  return sample(dueMs, { ok: false, answer: 'ECONNRESET', ...more });
}

const anySample = fc.record({
  stream: fc.constantFrom('http', 'tcp'),
  dueMs: fc.integer({ min: 0, max: 5000 }),
  lagMs: fc.integer({ min: 0, max: 50 }),
  latencyMs: fc.integer({ min: 50, max: 3000 }),
  ok: fc.boolean(),
  answer: fc.constantFrom('a', 'b'),
});

describe('summary of a stretch of load', () => {
  test('counts attempts by who answered and failures by reason', () => {
    const summary = summarise([
      sample(0),
      sample(1, { answer: 'west-1' }),
      failed(2),
      failed(3, { answer: 'timeout' }),
      failed(4),
    ]);
    assert.equal(summary.requests, 5);
    assert.equal(summary.failed, 3);
    assert.deepEqual(summary.answers, { 'east-1': 1, 'west-1': 1 });
    assert.deepEqual(summary.failures, { ECONNRESET: 2, timeout: 1 });
  });

  test('takes latency from the successful ones alone, and none when there are none', () => {
    assert.equal(summarise([sample(0, { latencyMs: 5 }), failed(1, { latencyMs: 9000 })]).latency?.maxMs, 5);
    assert.equal('latency' in summarise([failed(0)]), false);
  });

  test('shows how late the generator itself was', () => {
    assert.ok(summarise([sample(0, { lagMs: 80, latencyMs: 81 })]).lagP99Ms >= 79.9);
  });

  test('an attempt belongs to the window in which it was due', () => {
    const samples = [
      sample(99, { latencyMs: 50 }),
      sample(100),
      sample(199),
      sample(200),
      sample(150, { stream: 'tcp' }),
    ];
    const window = { fromMs: 100, toMs: 200 };
    assert.deepEqual(
      select(samples, window).map(({ dueMs }) => dueMs),
      [100, 199, 150],
    );
    assert.deepEqual(
      select(samples, window, 'tcp').map(({ dueMs }) => dueMs),
      [150],
    );
  });

  test('every attempt of a stretch is in exactly one count, and windows side by side lose none', () => {
    fc.assert(
      fc.property(fc.array(anySample, { maxLength: 60 }), fc.integer({ min: 0, max: 5000 }), (samples, cutMs) => {
        const { requests, failed: bad, answers, failures } = summarise(samples);
        const sum = (counts: Readonly<Record<string, number>>): number =>
          Object.values(counts).reduce((a, b) => a + b, 0);
        assert.equal(sum(answers), requests - bad);
        assert.equal(sum(failures), bad);
        const before = select(samples, { fromMs: 0, toMs: cutMs });
        const behind = select(samples, { fromMs: cutMs, toMs: Infinity });
        assert.equal(before.length + behind.length, samples.length);
      }),
      { numRuns: 50 },
    );
  });

  test('percentiles are those of the nearest rank, to three digits', () => {
    const { p50Ms, p90Ms, p99Ms, maxMs } = percentiles(Array.from({ length: 1000 }, (_, index) => index + 1));
    for (const [value, wanted] of [
      [p50Ms, 500],
      [p90Ms, 900],
      [p99Ms, 990],
      [maxMs, 1000],
    ] as const) {
      assert.ok(Math.abs(value - wanted) <= wanted / 500, `${value} is not ${wanted}`);
    }
    assert.deepEqual(percentiles([]), { p50Ms: 0, p90Ms: 0, p99Ms: 0, maxMs: 0 });
  });
});

describe('summary of an event', () => {
  test('is all zero when nothing was affected', () => {
    const { slowestMs, ...counts } = summariseEvent(
      [sample(0), sample(990), sample(1010), sample(2000, { latencyMs: 499 })],
      1000,
    );
    assert.deepEqual(counts, {
      recoveryMs: 0,
      affectedStartsMs: 0,
      failedInFlight: 0,
      failedAtOnce: 0,
      failedLater: 0,
      slow: 0,
    });
    assert.equal(slowestMs, 499);
  });

  test('recovery lasts until the last failed attempt was over', () => {
    const event = summariseEvent([sample(1001), failed(1100, { latencyMs: 250 }), sample(1200)], 1000);
    assert.equal(event.recoveryMs, 350);
    assert.equal(event.affectedStartsMs, 100);
  });

  test('recovery lasts until the last stuck attempt was answered, although none failed', () => {
    const event = summariseEvent([sample(1010, { latencyMs: 1700 }), sample(2000)], 1000);
    assert.equal(event.recoveryMs, 1710);
    assert.equal(event.slow, 1);
  });

  test('failures are told apart by when their attempt began', () => {
    const event = summariseEvent(
      [failed(990, { latencyMs: 20 }), failed(1010), failed(1020, { lagMs: 11, latencyMs: 12 }), failed(1031)],
      1000,
    );
    assert.deepEqual([event.failedInFlight, event.failedAtOnce, event.failedLater], [1, 1, 2]);
  });

  test('attempts that were over before the event do not count', () => {
    assert.equal(summariseEvent([failed(900, { latencyMs: 99 })], 1000).recoveryMs, 0);
  });

  test('no failed attempt starts after the recovery, and each is in exactly one count', () => {
    fc.assert(
      fc.property(fc.array(anySample, { maxLength: 60 }), fc.integer({ min: 0, max: 5000 }), (samples, eventMs) => {
        const event = summariseEvent(samples, eventMs);
        const late = samples.filter((one) => !one.ok && startedMs(one) > eventMs + event.recoveryMs);
        assert.deepEqual(late, []);
        const concerned = samples.filter((one) => !one.ok && endedMs(one) >= eventMs).length;
        assert.equal(event.failedInFlight + event.failedAtOnce + event.failedLater, concerned);
        assert.ok(event.affectedStartsMs <= event.recoveryMs);
      }),
      { numRuns: 50 },
    );
  });

  test('the first answer of somebody is found among attempts that began later', () => {
    const west = { answer: 'west-1' };
    const samples = [
      sample(900, west),
      sample(1100, { ...west, latencyMs: 30 }),
      sample(1120, { ...west, latencyMs: 5 }),
      failed(1000, west),
    ];
    assert.equal(firstAnswerMs(samples, 1000, new Set(['west-1'])), 1125);
    assert.equal(firstAnswerMs(samples, 1000, new Set(['edge-1'])), undefined);
  });
});
