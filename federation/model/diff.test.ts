import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { applyChange, diffRecords, diffState, isEmptyChange } from './diff.ts';
import { parseClusterId } from './ids.ts';
import { mergeState } from './merge.ts';
import type { RecordSet } from './records.ts';
import { examplePeer, exampleService, exampleView } from './testing/records.fixture.ts';

const records = fc
  .uniqueArray(fc.tuple(fc.stringMatching(/^[a-e]{1,2}$/), fc.uint8Array({ maxLength: 2 })), {
    selector: ([key]) => key,
    maxLength: 12,
  })
  .map((entries): RecordSet => new Map(entries));

function sorted(set: RecordSet): readonly (readonly [string, Uint8Array])[] {
  return [...set].sort((left, right) => (left[0] < right[0] ? -1 : 1));
}

describe('diffRecords and applyChange', () => {
  it('diff then apply is identity', () => {
    fc.assert(
      fc.property(records, records, (before, after) => {
        const reached = applyChange(before, diffRecords(before, after));
        assert.deepEqual(sorted(reached), sorted(after));
      }),
      { numRuns: 500 },
    );
  });

  it('finds nothing between equal sets and gives the very same set back', () => {
    fc.assert(
      fc.property(records, (set) => {
        const copy = new Map([...set].map(([key, bytes]) => [key, Uint8Array.from(bytes)]));
        const change = diffRecords(set, copy);
        assert.ok(isEmptyChange(change));
        assert.equal(applyChange(set, { puts: copy, deletes: ['not/there'] }), set);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps bytes that did not change by identity', () => {
    const bytes = Uint8Array.of(1);
    const after = applyChange(new Map([['a', bytes]]), {
      puts: new Map([
        ['a', Uint8Array.of(1)],
        ['b', Uint8Array.of(2)],
      ]),
      deletes: [],
    });
    assert.equal(after.get('a'), bytes);
    assert.equal(after.size, 2);
  });

  it('any partition of a change into steps ends the same, and repeating it changes nothing', () => {
    fc.assert(
      fc.property(records, records, fc.infiniteStream(fc.nat(3)), (before, after, picks) => {
        const change = diffRecords(before, after);
        const parts = Array.from({ length: 4 }, () => ({
          puts: new Map<string, Uint8Array>(),
          deletes: [] as string[],
        }));
        const pick = (): (typeof parts)[number] => parts[picks.next().value ?? 0] ?? { puts: new Map(), deletes: [] };
        for (const [key, bytes] of change.puts) pick().puts.set(key, bytes);
        for (const key of change.deletes) pick().deletes.push(key);
        const reached = parts.reduce((set: RecordSet, part) => applyChange(set, part), before);
        assert.deepEqual(sorted(reached), sorted(after));
        assert.equal(applyChange(reached, change), reached);
      }),
      { numRuns: 300 },
    );
  });

  it('puts win over deletes of the same key, so that a squashed delete and re-creation leaves the record', () => {
    const change = { puts: new Map([['a', Uint8Array.of(2)]]), deletes: ['a'] };
    assert.deepEqual([...applyChange(new Map([['a', Uint8Array.of(1)]]), change)], [['a', Uint8Array.of(2)]]);
  });
});

describe('diffState', () => {
  const east = parseClusterId('east');
  const west = exampleView('west', [exampleService(), exampleService({ name: 'cart' })]);
  const before = mergeState({ self: east, own: undefined, peers: new Map([[west.cluster, examplePeer(west)]]) });

  it('names everything when there was nothing', () => {
    const diff = diffState(undefined, before);
    assert.deepEqual(diff.services, ['default/cart', 'default/shop']);
    assert.deepEqual(diff.peers, ['west']);
    assert.equal(diff.own, 'same');
  });

  it('names only what changed', () => {
    const changed = exampleView('west', [exampleService({ ready: [] })], { info: west.info });
    const peers = new Map([[west.cluster, examplePeer(changed)]]);
    const diff = diffState(before, mergeState({ self: east, own: undefined, peers }, before));
    assert.deepEqual(diff, {
      services: ['default/shop'],
      servicesGone: ['default/cart'],
      peers: ['west'],
      peersGone: [],
      own: 'same',
    });
  });

  it('names nothing between a state and itself', () => {
    assert.deepEqual(diffState(before, before), {
      services: [],
      servicesGone: [],
      peers: [],
      peersGone: [],
      own: 'same',
    });
  });
});
