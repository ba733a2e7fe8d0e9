import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HeadFreshness, LivenessInput, ProbeResult } from './liveness.ts';
import { AT_ONCE_MS, isIsolated, judge, LIVENESS_TABLE } from './liveness.ts';
import type { Liveness, LivenessVerdict } from './state.ts';

interface Case {
  readonly name: string;
  readonly input: Partial<LivenessInput>;
  readonly previous?: LivenessVerdict;
  readonly verdict: LivenessVerdict;
  readonly reason: string;
}

const CASES: readonly Case[] = [
  {
    name: 'fresh head, good probe',
    input: { head: 'fresh', probe: 'good' },
    verdict: 'Live',
    reason: 'HeadFreshAndGatewaysReached',
  },
  {
    name: 'fresh head, not probed yet',
    input: { head: 'fresh', probe: 'unknown' },
    verdict: 'Live',
    reason: 'HeadFresh',
  },
  {
    name: 'stale head for an hour, good probe',
    input: { head: 'stale', staleForMs: 3_600_000, probe: 'good' },
    verdict: 'Stale',
    reason: 'HeadStale',
  },
  {
    name: 'unknown head, good probe',
    input: { head: 'unknown', probe: 'good' },
    verdict: 'Stale',
    reason: 'HeadStale',
  },
  {
    name: 'stale head for an hour, not probed',
    input: { head: 'stale', staleForMs: 3_600_000, probe: 'unknown' },
    verdict: 'Stale',
    reason: 'HeadStaleAndUnprobed',
  },
  {
    name: 'nothing known at all, just started',
    input: { head: 'unknown', probe: 'unknown' },
    verdict: 'Stale',
    reason: 'HeadStaleAndUnprobed',
  },
  {
    name: 'fresh head, bad probe for an hour',
    input: { head: 'fresh', probe: 'bad', badForMs: 3_600_000 },
    verdict: 'Unreachable',
    reason: 'GatewaysUnreachable',
  },
  {
    name: 'unknown head, bad probe for an hour',
    input: { head: 'unknown', probe: 'bad', badForMs: 3_600_000 },
    verdict: 'Unreachable',
    reason: 'GatewaysUnreachableHeadUnknown',
  },
  {
    name: 'stale for long, bad for a moment',
    input: { head: 'stale', staleForMs: 3_600_000, probe: 'bad', badForMs: 9_999 },
    verdict: 'Unreachable',
    reason: 'WaitingToWithdraw',
  },
  {
    name: 'bad for long, stale for a moment',
    input: { head: 'stale', staleForMs: 9_999, probe: 'bad', badForMs: 3_600_000 },
    verdict: 'Unreachable',
    reason: 'WaitingToWithdraw',
  },
  {
    name: 'stale and bad for long, while we are isolated',
    input: { head: 'stale', staleForMs: 3_600_000, probe: 'bad', badForMs: 3_600_000, isolated: true },
    previous: 'Unreachable',
    verdict: 'Unreachable',
    reason: 'WeAreIsolated',
  },
  {
    name: 'stale and bad, both for as long as it takes',
    input: { head: 'stale', staleForMs: 10_000, probe: 'bad', badForMs: 10_000 },
    verdict: 'Gone',
    reason: 'HeadStaleAndGatewaysUnreachable',
  },
  {
    name: 'gone before we became isolated',
    input: { head: 'stale', staleForMs: 3_600_000, probe: 'bad', badForMs: 3_600_000, isolated: true },
    previous: 'Gone',
    verdict: 'Gone',
    reason: 'HeadStaleAndGatewaysUnreachable',
  },
];

function inputOf(fields: Partial<LivenessInput>): LivenessInput {
  return {
    head: 'fresh',
    staleForMs: 0,
    probe: 'good',
    badForMs: 0,
    isolated: false,
    withdrawAfterMs: 10_000,
    nowMs: 1_000,
    ...fields,
  };
}

function before(verdict: LivenessVerdict | undefined): Liveness | undefined {
  return verdict === undefined ? undefined : { verdict, reason: 'Before', message: 'before', sinceMs: 1 };
}

function everyInput(): readonly LivenessInput[] {
  const heads: readonly HeadFreshness[] = ['fresh', 'stale', 'unknown'];
  const probes: readonly ProbeResult[] = ['good', 'bad', 'unknown'];
  const inputs: LivenessInput[] = [];
  for (const head of heads) {
    for (const probe of probes) {
      for (const staleForMs of head === 'stale' ? [0, 9_999, 10_000] : [0]) {
        for (const badForMs of probe === 'bad' ? [0, 9_999, 10_000] : [0]) {
          for (const isolated of [false, true]) inputs.push(inputOf({ head, probe, staleForMs, badForMs, isolated }));
        }
      }
    }
  }
  return inputs;
}

describe('judge', () => {
  for (const { name, input, previous, verdict, reason } of CASES) {
    it(`says ${verdict} for: ${name}`, () => {
      const judged = judge(inputOf(input), before(previous));
      assert.deepEqual([judged.verdict, judged.reason], [verdict, reason]);
    });
  }

  for (const row of LIVENESS_TABLE) {
    it(`needs the row ${row.reason}: without it some case comes out differently`, () => {
      const rest = LIVENESS_TABLE.filter((other) => other !== row);
      const own = CASES.filter((example) => example.reason === row.reason);
      assert.ok(own.length > 0);
      for (const example of own) {
        const judged = judge(inputOf(example.input), before(example.previous), rest);
        assert.notEqual(judged.reason, example.reason, example.name);
      }
    });
  }

  it('has a row for every case', () => {
    for (const input of everyInput()) assert.notEqual(judge(input).reason, 'Unjudged', JSON.stringify(input));
  });

  it('withdraws only where both signals are bad for long and we are not isolated', () => {
    for (const input of everyInput()) {
      const bothBad =
        input.head === 'stale' && input.staleForMs >= 10_000 && input.probe === 'bad' && input.badForMs >= 10_000;
      assert.equal(judge(input).verdict === 'Gone', bothBad && !input.isolated, JSON.stringify(input));
    }
  });

  it('keeps everything in a case that no row covers', () => {
    assert.equal(judge(inputOf({}), undefined, []).verdict, 'Stale');
  });

  it('gives back the same object while nothing changes, however time passes', () => {
    const first = judge(inputOf({ nowMs: 5 }));
    assert.equal(judge(inputOf({ nowMs: 99 }), first), first);
  });

  it('counts a verdict from when it began, also when its reason changes', () => {
    const first = judge(inputOf({ probe: 'bad', nowMs: 5 }));
    const second = judge(inputOf({ head: 'stale', probe: 'bad', nowMs: 50 }), first);
    assert.deepEqual([second.verdict, second.reason, second.sinceMs], ['Unreachable', 'WaitingToWithdraw', 5]);
    assert.equal(judge(inputOf({ nowMs: 70 }), second).sinceMs, 70);
  });
});

describe('isIsolated', () => {
  const evidence = { storeLinkUp: true, peersBad: 0, peersTotal: 4, turnedBadWithinMs: 0 };
  const cases: readonly [string, Partial<typeof evidence>, boolean][] = [
    ['all is well', {}, false],
    ['the store link is down', { storeLinkUp: false }, true],
    ['most peers turned bad at once', { peersBad: 3 }, true],
    ['just half of them did', { peersBad: 2 }, false],
    ['most peers turned bad one by one', { peersBad: 3, turnedBadWithinMs: AT_ONCE_MS + 1 }, false],
    ['the only peer is bad and the store is reached', { peersBad: 1, peersTotal: 1 }, false],
    ['both peers turned bad at once', { peersBad: 2, peersTotal: 2 }, true],
    ['there are no peers', { peersTotal: 0 }, false],
  ];
  for (const [name, fields, expected] of cases) {
    it(`is ${expected} when ${name}`, () => assert.equal(isIsolated({ ...evidence, ...fields }), expected));
  }
});
