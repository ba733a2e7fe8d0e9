import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { HeadOrder } from '../../model/head.ts';
import type { RecordSet } from '../../model/records.ts';
import type { Changes } from '../contract.ts';
import { STORE_LIMITS } from '../contract.ts';
import type { MakeRig } from './rig.fixture.ts';
import { commitOf, EAST, headOf, orderOf, plain, plainHead, TEST_TIMEOUT, WEST, withRig } from './rig.fixture.ts';

export function describeChanges(makeRig: MakeRig): void {
  describe('changes', TEST_TIMEOUT, () => {
    describeDeltas(makeRig);
    describeGone(makeRig);
  });
}

function describeDeltas(makeRig: MakeRig): void {
  it(
    'squashes everything since a version into one delta with the newest head',
    withRig(makeRig, async ({ store }) => {
      await store.commit(commitOf(EAST, { version: 1 }, { a: '1', b: '1', c: '1' }));
      await store.commit(commitOf(EAST, { version: 2 }, { a: '2' }));
      await store.commit(commitOf(EAST, { version: 3 }, { a: '3', d: '3' }, ['b']));
      await store.beat(EAST, headOf({ version: 3, beat: 4 }));
      const delta = deltaOf(await store.changes(EAST, orderOf({ version: 1 })));
      assert.deepEqual(plain(delta.puts), { a: '3', d: '3' });
      assert.deepEqual(delta.deletes, ['b']);
      assert.deepEqual(plainHead(delta), plainHead(headOf({ version: 3, beat: 4 })));
    }),
  );

  it(
    'answers a reader that has everything with the newest head and no records, whichever beat it saw',
    withRig(makeRig, async ({ store }) => {
      await store.commit(commitOf(EAST, { version: 8 }, { a: '1' }));
      await store.beat(EAST, headOf({ version: 8, beat: 2 }));
      for (const beat of [0, 2, 9]) {
        const delta = deltaOf(await store.changes(EAST, orderOf({ version: 8, beat })));
        assert.deepEqual([delta.puts.size, delta.deletes.length, delta.order.beat], [0, 0, 2]);
      }
    }),
  );

  it(
    'carries a reader across a change of writer',
    withRig(makeRig, async ({ store }) => {
      await store.commit(commitOf(EAST, { version: 5 }, { a: '1', b: '1' }));
      await store.commit(commitOf(EAST, { epoch: 2, writerId: 'z', version: 6 }, { b: '2' }));
      const delta = deltaOf(await store.changes(EAST, orderOf({ version: 5 })));
      assert.deepEqual(plain(delta.puts), { b: '2' });
    }),
  );

  it('leads from every version in the log to the newest one', async () => {
    const step = fc.record({
      puts: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.string({ maxLength: 4 })),
      deletes: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd')),
    });
    const schedule = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) =>
      withRig(makeRig, async ({ store }) => {
        const seen: { order: HeadOrder; records: RecordSet }[] = [];
        for (const [index, { puts, deletes }] of steps.entries()) {
          const order = { epoch: 1 + Math.floor(index / 5), version: index + 1 };
          await store.commit(
            commitOf(
              EAST,
              order,
              { ...puts },
              deletes.filter((key) => !Object.hasOwn(puts, key)),
            ),
          );
          const stored = await store.read(EAST);
          assert.ok(stored !== undefined);
          seen.push(stored);
        }
        const newest = seen.at(-1)?.records ?? new Map();
        for (const { order, records } of seen) {
          const delta = deltaOf(await store.changes(EAST, order));
          const after = new Map([...records, ...delta.puts]);
          for (const key of delta.deletes) after.delete(key);
          assert.deepEqual(plain(after), plain(newest));
        }
      })(),
    );
    await fc.assert(schedule, { numRuns: 10 });
  });
}

function describeGone(makeRig: MakeRig): void {
  it(
    'answers `gone` for an order it does not know: no such cluster, another writer, a newer or skipped version',
    withRig(makeRig, async ({ store }) => {
      await store.commit(commitOf(EAST, { version: 1 }));
      await store.commit(commitOf(EAST, { version: 3 }));
      assert.deepEqual(await store.changes(WEST, orderOf({})), { kind: 'gone' });
      for (const unknown of [{ writerId: 'x' }, { version: 4 }, { version: 2 }, { incarnation: 2 }, { epoch: 2 }]) {
        assert.deepEqual(await store.changes(EAST, orderOf(unknown)), { kind: 'gone' });
      }
    }),
  );

  it(
    'reaches back 256 versions and answers `gone` beyond',
    withRig(makeRig, async ({ store }) => {
      for (let version = 1; version <= STORE_LIMITS.logVersionsMax + 2; version += 1) {
        await store.commit(commitOf(EAST, { version }, { [`k${version % 10}`]: `${version}` }));
      }
      assert.deepEqual(await store.changes(EAST, orderOf({ version: 1 })), { kind: 'gone' });
      assert.equal(deltaOf(await store.changes(EAST, orderOf({ version: 2 }))).puts.size, 10);
    }),
  );

  it(
    'answers `gone` when the keys touched since are more than the log holds',
    withRig(makeRig, async ({ store }) => {
      const longKeys = (from: number): Record<string, string> => {
        const names = Array.from({ length: 1_500 }, (_, index) => `facts/${from + index}/${'x'.repeat(440)}`);
        return Object.fromEntries(names.map((name) => [name, 'v']));
      };
      await store.commit(commitOf(EAST, { version: 1 }));
      await store.commit(commitOf(EAST, { version: 2 }, longKeys(0)));
      assert.equal(deltaOf(await store.changes(EAST, orderOf({ version: 1 }))).puts.size, 1_500);
      await store.commit(commitOf(EAST, { version: 3 }, longKeys(10_000)));
      assert.deepEqual(await store.changes(EAST, orderOf({ version: 1 })), { kind: 'gone' });
      assert.equal(deltaOf(await store.changes(EAST, orderOf({ version: 2 }))).puts.size, 1_500);
    }),
  );
}

function deltaOf(changes: Changes): Extract<Changes, { kind: 'delta' }> {
  assert.ok(changes.kind === 'delta', 'the log reaches back that far');
  return changes;
}
