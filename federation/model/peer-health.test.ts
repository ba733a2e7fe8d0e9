import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isIsolated } from './liveness.ts';
import type { PeerEvent, PeerHealth } from './peer-health.ts';
import {
  DEFAULT_HEALTH_SETTINGS,
  FIRST_CHECKS_MS,
  isolationEvidence,
  nextDueMs,
  peerStateOf,
  PROBE_REPORT_AGE_MS_MAX,
  startPeerHealth,
  step,
} from './peer-health.ts';
import { exampleView } from './testing/records.fixture.ts';

const SETTINGS = { ...DEFAULT_HEALTH_SETTINGS, failBackAfterMs: 3_000 };

/** A peer on a timeline in which heads and probe reports keep coming each second as long as they are not cut. */
class Timeline {
  health: PeerHealth = startPeerHealth(0, SETTINGS);
  nowMs = 0;
  #heads = true;
  #healthy: number | undefined = 2;

  set(fields: { readonly heads?: 'on' | 'off'; readonly healthy?: number | 'none' }): this {
    if (fields.heads !== undefined) this.#heads = fields.heads === 'on';
    if (fields.healthy !== undefined) this.#healthy = fields.healthy === 'none' ? undefined : fields.healthy;
    return this;
  }

  run(durationMs: number): this {
    const endMs = this.nowMs + durationMs;
    while (this.nowMs < endMs) {
      this.nowMs = Math.min(endMs, this.nowMs + 500);
      if (this.#heads) this.apply({ kind: 'head', atMs: this.nowMs });
      if (this.#healthy !== undefined) this.probe('gw-1', this.#healthy);
      this.apply({ kind: 'tick', atMs: this.nowMs });
    }
    return this;
  }

  probe(gateway: string, healthy: number, total = 2): this {
    return this.apply({ kind: 'probe', gateway, healthy, total, atMs: this.nowMs });
  }

  apply(event: PeerEvent): this {
    this.health = step(this.health, event);
    return this;
  }

  get summary(): readonly [string, boolean] {
    return [this.health.liveness.verdict, this.health.serving];
  }
}

const healthy = (): Timeline => new Timeline().run(10_000);

describe('peer health', () => {
  it('keeps and serves everything right after a start, when nothing is known', () => {
    assert.deepEqual(new Timeline().summary, ['Stale', true]);
  });

  it('is Live once heads and probes come', () => assert.deepEqual(healthy().summary, ['Live', true]));

  it('stays serving when only its controller dies, however long', () => {
    assert.deepEqual(healthy().set({ heads: 'off' }).run(8_500).summary, ['Live', true]);
    assert.deepEqual(healthy().set({ heads: 'off' }).run(9_000).summary, ['Stale', true]);
    assert.deepEqual(healthy().set({ heads: 'off' }).run(3_600_000).summary, ['Stale', true]);
  });

  it('goes to standby at once when its gateways die, is never withdrawn while heads come', () => {
    assert.deepEqual(healthy().set({ healthy: 0 }).run(500).summary, ['Unreachable', false]);
    assert.deepEqual(healthy().set({ healthy: 0 }).run(3_600_000).summary, ['Unreachable', false]);
  });

  it('is Gone when both have been silent long enough: 9 s until stale and 10 s more', () => {
    const dead = healthy().set({ heads: 'off', healthy: 0 });
    assert.equal(dead.run(18_500).health.liveness.verdict, 'Unreachable');
    assert.deepEqual(dead.run(500).summary, ['Gone', false]);
  });

  it('comes back by itself and serves again only after it has been good for a while', () => {
    const back = healthy().set({ heads: 'off', healthy: 0 }).run(30_000).set({ heads: 'on', healthy: 2 });
    assert.deepEqual(back.run(500).summary, ['Live', false]);
    assert.deepEqual(back.run(2_500).summary, ['Live', false]);
    assert.deepEqual(back.run(500).summary, ['Live', true]);
  });

  it('begins the wait anew when it fails again meanwhile', () => {
    const back = healthy().set({ healthy: 0 }).run(2_000).set({ healthy: 2 }).run(2_500);
    back.set({ healthy: 0 }).run(500).set({ healthy: 2 });
    assert.deepEqual(back.run(2_500).summary, ['Live', false]);
    assert.deepEqual(back.run(1_000).summary, ['Live', true]);
  });

  it('waits for nothing when one of several gateways of the peer answers', () => {
    assert.deepEqual(healthy().set({ healthy: 1 }).run(1_000).summary, ['Live', true]);
  });

  it('takes one own gateway that gets through for enough', () => {
    const line = healthy().set({ healthy: 'none' }).probe('gw-2', 1).probe('gw-1', 0);
    assert.deepEqual(line.summary, ['Live', true]);
    assert.deepEqual(line.probe('gw-2', 0).summary, ['Unreachable', false]);
  });

  it('forgets what an own gateway said that has itself gone silent', () => {
    const line = healthy().set({ healthy: 0 }).run(1_000).set({ healthy: 'none' });
    assert.equal(line.run(PROBE_REPORT_AGE_MS_MAX - 500).health.probe, 'bad');
    assert.equal(line.run(500).health.probe, 'unknown');
    assert.equal(line.health.liveness.verdict, 'Live');
  });

  it('never withdraws after our own restart before it has heard one head', () => {
    const dark = new Timeline().set({ heads: 'off', healthy: 0 }).run(3_600_000);
    assert.deepEqual(dark.summary, ['Unreachable', false]);
  });

  it('does not demote a peer because a gateway of ours has just started and not checked yet', () => {
    const starting = new Timeline().set({ healthy: 0 }).run(FIRST_CHECKS_MS - 500);
    assert.deepEqual(starting.summary, ['Unreachable', true]);
    assert.deepEqual(starting.set({ healthy: 2 }).run(500).summary, ['Live', true]);
    assert.deepEqual(new Timeline().set({ healthy: 0 }).run(FIRST_CHECKS_MS + 500).summary, ['Unreachable', false]);
  });

  it('demotes and withdraws nothing while we are isolated, and holds nothing back afterwards', () => {
    const line = healthy().apply({ kind: 'isolation', isolated: true, atMs: 10_000 });
    assert.deepEqual(line.set({ heads: 'off', healthy: 0 }).run(60_000).summary, ['Unreachable', true]);
    // The store link comes back first: heads and probes need a moment more.
    line.apply({ kind: 'isolation', isolated: false, atMs: line.nowMs });
    assert.deepEqual(line.run(2_000).summary, ['Unreachable', true]);
    assert.deepEqual(line.set({ heads: 'on', healthy: 2 }).run(500).summary, ['Live', true]);
  });

  it('counts silence only from the end of our isolation on', () => {
    const line = healthy().apply({ kind: 'isolation', isolated: true, atMs: 10_000 });
    line.set({ heads: 'off', healthy: 0 }).run(60_000);
    line.apply({ kind: 'isolation', isolated: false, atMs: line.nowMs });
    assert.deepEqual(line.run(9_500).summary, ['Unreachable', false]);
    assert.deepEqual(line.run(500).summary, ['Gone', false]);
  });

  it('leaves withdrawn what was withdrawn before we became isolated', () => {
    const line = healthy().set({ heads: 'off', healthy: 0 }).run(30_000);
    line.apply({ kind: 'isolation', isolated: true, atMs: line.nowMs });
    assert.deepEqual(line.run(1_000).summary, ['Gone', false]);
  });

  it('keeps a peer that flaps on standby: its role changes a few times, not for ever', () => {
    const line = healthy();
    let changes = 0;
    for (let flap = 0; flap < 100; flap++) {
      for (const up of [0, 2]) {
        const before = line.health.serving;
        line.set({ healthy: up }).run(up === 0 ? 2_000 : 4_000);
        if (line.health.serving !== before) changes += 1;
      }
    }
    assert.ok(changes > 0 && changes <= 10, `${changes} changes`);
    assert.equal(line.health.flaps.suppressed, true);
    assert.deepEqual(line.run(70_000).summary, ['Live', true]);
  });

  it('says when time alone may change something: between two such moments ticks change nothing', () => {
    const event = fc.oneof(
      fc.constant({ kind: 'head' as const }),
      fc.record({
        kind: fc.constant('probe' as const),
        gateway: fc.constantFrom('a', 'b'),
        healthy: fc.nat(1),
        total: fc.nat(1),
      }),
      fc.record({ kind: fc.constant('isolation' as const), isolated: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(8_000)), { maxLength: 12 }), fc.nat(99), (events, percent) => {
        let nowMs = 0;
        let health = startPeerHealth(0, SETTINGS);
        for (const [body, waitMs] of events) {
          nowMs += waitMs;
          health = step(health, { ...body, atMs: nowMs });
          const dueMs = nextDueMs(health, nowMs) ?? nowMs + 1_000_000;
          const between = step(health, { kind: 'tick', atMs: nowMs + ((dueMs - nowMs) * percent) / 100 });
          assert.deepEqual([between.liveness, between.serving], [health.liveness, health.serving]);
          assert.ok(health.liveness.verdict !== 'Gone' || !health.serving);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('peerStateOf', () => {
  it('gives back the previous state while view, verdict and role are the same', () => {
    const view = exampleView('west', []);
    const line = healthy();
    const state = peerStateOf(view, line.health);
    assert.equal(peerStateOf(view, line.run(5_000).health, state), state);
    assert.notEqual(peerStateOf(exampleView('west', []), line.health, state), state);
    assert.equal(peerStateOf(view, line.set({ healthy: 0 }).run(500).health, state).serving, false);
  });
});

describe('isolationEvidence', () => {
  const failedAt = (ms: number): PeerHealth => new Timeline().run(ms).set({ healthy: 0 }).run(500).health;

  it('tells peers that died one by one from peers that went at once', () => {
    const good = healthy().health;
    const atOnce = [failedAt(10_000), failedAt(11_000), good];
    const oneByOne = [failedAt(10_000), failedAt(40_000), good];
    assert.equal(isIsolated(isolationEvidence(atOnce, true)), true);
    assert.equal(isIsolated(isolationEvidence(oneByOne, true)), false);
    assert.equal(isIsolated(isolationEvidence([good, good], true)), false);
    assert.equal(isIsolated(isolationEvidence([good], false)), true);
  });

  it('is not fooled by one more peer that dies much later', () => {
    const evidence = isolationEvidence([failedAt(10_000), failedAt(11_000), failedAt(90_000)], true);
    assert.deepEqual([evidence.peersBad, evidence.peersTotal, evidence.turnedBadWithinMs], [3, 3, 1_000]);
  });
});
