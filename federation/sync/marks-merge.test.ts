import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ClusterId, parseClusterId } from '../model/ids.ts';
import type { HighWaterMark } from '../model/candidate.ts';
import { compareHeadOrder } from '../model/head.ts';
import type { MarksContent } from './marks-codec.ts';
import { mergeMarks } from './marks-merge.ts';

const number = fc.integer({ min: 0, max: 5 });
const mark: fc.Arbitrary<HighWaterMark> = fc
  .record({ incarnation: number, epoch: number, version: number, beat: number })
  // As in the world: one order has one digest.
  .map((order) => ({ order: { ...order, writerId: 'a' }, digest: JSON.stringify(order) }));
const cluster = fc.constantFrom(...['a', 'b', 'c'].map(parseClusterId));
const marks: fc.Arbitrary<MarksContent> = fc.record({
  own: fc.record({ epoch: number, version: number }),
  roster: fc.option(
    number.map((version) => ({ version, digest: String(version) })),
    { nil: undefined },
  ),
  peers: fc.array(fc.tuple(cluster, mark), { maxLength: 4 }).map((list) => new Map<ClusterId, HighWaterMark>(list)),
});

function plain({ own, roster, peers }: MarksContent): string {
  return JSON.stringify([own, roster, [...peers].sort(([left], [right]) => (left < right ? -1 : 1))]);
}

test('merged marks are below neither of the two, whichever was written later', () => {
  fc.assert(
    fc.property(marks, marks, (left, right) => {
      const merged = mergeMarks(left, right);
      for (const one of [left, right]) {
        assert.ok(merged.own.epoch >= one.own.epoch && merged.own.version >= one.own.version);
        assert.ok((merged.roster?.version ?? -1) >= (one.roster?.version ?? -1));
        for (const [id, { order }] of one.peers) {
          const there = merged.peers.get(id);
          assert.ok(there !== undefined && compareHeadOrder(there.order, order) >= 0);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('the order of merging does not matter, nor how often', () => {
  fc.assert(
    fc.property(marks, marks, marks, (a, b, c) => {
      assert.equal(plain(mergeMarks(a, b)), plain(mergeMarks(b, a)));
      assert.equal(plain(mergeMarks(mergeMarks(a, b), c)), plain(mergeMarks(a, mergeMarks(b, c))));
      assert.equal(plain(mergeMarks(a, a)), plain(a));
    }),
    { numRuns: 200 },
  );
});
