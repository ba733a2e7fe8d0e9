import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { calmFlaps, DEFAULT_FLAP_LIMITS, dampFlaps, reuseAtMs } from './flap-damping.ts';
import type { FlapState } from './flap-damping.ts';

function flapEvery(periodMs: number, count: number): FlapState {
  let state = calmFlaps(0);
  for (let flap = 1; flap <= count; flap++) state = dampFlaps(state, { kind: 'turnedBad', atMs: flap * periodMs });
  return state;
}

describe('dampFlaps', () => {
  it('forgives a restart that takes three attempts', () => assert.equal(flapEvery(1_000, 3).suppressed, false));

  it('suppresses a peer that comes and goes every two seconds', () => assert.ok(flapEvery(2_000, 5).suppressed));

  it('never suppresses a peer that fails once a minute', () =>
    assert.equal(flapEvery(60_000, 1_000).suppressed, false));

  it('lets a suppressed peer back at the time it names, and not before', () => {
    const state = flapEvery(2_000, 5);
    const dueMs = reuseAtMs(state);
    assert.ok(dampFlaps(state, { kind: 'time', atMs: dueMs - 1 }).suppressed);
    assert.equal(dampFlaps(state, { kind: 'time', atMs: dueMs + 1 }).suppressed, false);
  });

  it('bounds the wait after endless flapping to two half lives', () => {
    const state = flapEvery(100, 10_000);
    assert.equal(state.penalty, DEFAULT_FLAP_LIMITS.penaltyMax);
    assert.equal(reuseAtMs(state) - state.atMs, 2 * DEFAULT_FLAP_LIMITS.halfLifeMs);
  });

  it('decays the same in one step as in many', () => {
    const state = flapEvery(100, 3);
    let walked = state;
    for (let atMs = 1_000; atMs <= 60_000; atMs += 1_000) walked = dampFlaps(walked, { kind: 'time', atMs });
    const jumped = dampFlaps(state, { kind: 'time', atMs: 60_000 });
    assert.ok(Math.abs(walked.penalty - jumped.penalty) < 1e-6);
  });

  it('does not reward an event that comes late', () => {
    const state = flapEvery(1_000, 3);
    const late = dampFlaps(state, { kind: 'time', atMs: 0 });
    assert.deepEqual([late.penalty, late.atMs], [state.penalty, state.atMs]);
  });
});
