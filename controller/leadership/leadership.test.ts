import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { acquireLease, describeLease, type LeaseEntry } from '../../federation/store/lease-rules.ts';
import { beginning, type Leading, type LeaseNews, mayWrite, serves, step } from './leadership.ts';

const TERMS = { holder: 'a', ttlMs: 6_000, marginMs: 1_000 };

function answer(holder: string, askedAtMs: number, more: { transitions?: number; nowMs?: number; inMs?: number } = {}) {
  const { transitions = 1, nowMs = askedAtMs, inMs = 6_000 } = more;
  return { kind: 'answer', lease: { holder, transitions, expiresInMs: inMs }, askedAtMs, nowMs } as const;
}

function failure(askedAtMs: number, nowMs = askedAtMs) {
  return { kind: 'failure', message: 'dark', askedAtMs, nowMs } as const;
}

function after(...news: readonly LeaseNews[]): Leading {
  return news.reduce((leading, one) => step(leading, one, TERMS), beginning(0));
}

test('a start knows no leader, serves whoever comes and writes nothing', () => {
  const { leadership } = beginning(0);
  assert.equal(leadership.kind, 'unknown');
  assert.equal(serves(leadership), 'all');
  assert.equal(mayWrite(leadership, 0), false);
});

test('a dark store at the start leaves a replica unknown, not a follower', () => {
  assert.equal(serves(after(failure(0), failure(60_000)).leadership), 'all');
});

test('a leader may write for the time of the lease less the margin, counted from before it asked', () => {
  const { leadership } = after(answer('a', 100, { nowMs: 1_900 }));
  assert.equal(mayWrite(leadership, 5_099), true);
  assert.equal(mayWrite(leadership, 5_100), false);
});

test('a leader that cannot renew keeps writing until its time is up, then only serves', () => {
  const early = after(answer('a', 0), failure(2_000, 4_000));
  assert.equal(mayWrite(early.leadership, 4_900), true);
  const late = step(early, { kind: 'time', nowMs: 5_000 }, TERMS);
  assert.equal(late.leadership.kind, 'lapsed');
  assert.equal(serves(late.leadership), 'attached');
  const dark = step(late, failure(5_000, 5_500), TERMS);
  assert.deepEqual(dark.leadership, { kind: 'unknown', sinceMs: 5_000, message: 'dark' });
  assert.equal(serves(dark.leadership), 'all');
});

test('a leader that slept over its lease takes on no gateway before it has asked', () => {
  const asleep = after(answer('a', 0), failure(1_000, 60_000));
  assert.equal(asleep.leadership.kind, 'lapsed');
  assert.equal(step(asleep, answer('b', 60_000, { transitions: 2 }), TERMS).leadership.kind, 'follower');
});

test('an answer that took longer than the lease lasts makes no leader', () => {
  assert.equal(after(answer('a', 0, { nowMs: 5_000 })).leadership.kind, 'lapsed');
});

test('every time that the lease is gained begins a new term, and a renewal does not', () => {
  const first = after(answer('a', 0), answer('a', 2_000));
  assert.deepEqual([first.leadership.kind, first.terms], ['leader', 1]);
  const again = step(step(first, { kind: 'time', nowMs: 9_000 }, TERMS), answer('a', 9_000), TERMS);
  assert.deepEqual([again.leadership.kind, again.terms], ['leader', 2]);
});

test('a lease that was somebody else’s in between begins a new term', () => {
  assert.equal(after(answer('a', 0, { transitions: 1 }), answer('a', 2_000, { transitions: 3 })).terms, 2);
});

test('a follower that gets no answer follows until the lease that it heard of is over', () => {
  const follower = after(answer('b', 0));
  assert.equal(step(follower, failure(5_999, 8_000), TERMS).leadership.kind, 'follower');
  assert.equal(step(follower, failure(6_000, 8_000), TERMS).leadership.kind, 'unknown');
});

test('a leader that met a higher epoch stops writing until the board says again that it leads', () => {
  const fenced = step(after(answer('a', 0)), { kind: 'fenced', nowMs: 100 }, TERMS);
  assert.equal(mayWrite(fenced.leadership, 100), false);
  assert.equal(step(fenced, answer('a', 200), TERMS).terms, 2);
});

/** Replicas that ask, sleep and miss answers at random, each with a clock that runs up to a tenth too slow. */
test('no two replicas may write at the same moment, however they sleep', () => {
  const act = fc.record({
    replica: fc.nat({ max: 2 }),
    kind: fc.constantFrom('ask', 'ask', 'ask', 'lost', 'slow'),
    passMs: fc.nat({ max: 4_000 }),
    delayMs: fc.nat({ max: 9_000 }),
  });
  const rates = fc.tuple(...[0, 1, 2].map(() => fc.double({ min: 0.9, max: 1, noNaN: true })));
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), rates, (acts, rate) => {
      let nowMs = 0;
      let entry: LeaseEntry | undefined;
      const local = (replica: number): number => nowMs * (rate[replica] ?? 1);
      const replicas = [0, 1, 2].map((index) => ({ index, leading: beginning(0) }));
      for (const { replica, kind, passMs, delayMs } of acts) {
        nowMs += passMs;
        const one = replicas[replica];
        if (one === undefined) continue;
        const holder = `r${replica}`;
        const askedAtMs = local(replica);
        entry = acquireLease(entry, { name: 'east', holder, ttlMs: TERMS.ttlMs }, nowMs);
        const lease = describeLease(entry, nowMs);
        if (kind === 'slow') nowMs += delayMs;
        const heard = { askedAtMs, nowMs: local(replica) };
        const news: LeaseNews =
          kind === 'lost' ? { kind: 'failure', message: '', ...heard } : { kind: 'answer', lease, ...heard };
        one.leading = step(one.leading, news, { ...TERMS, holder });
        const writers = replicas.filter(({ index, leading }) => mayWrite(leading.leadership, local(index)));
        if (writers.length > 1) return false;
      }
      return true;
    }),
    { numRuns: 300 },
  );
});
