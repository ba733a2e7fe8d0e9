import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Commit } from '../contract.ts';
import { FencedError, StaleCommitError } from '../contract.ts';
import type { MakeRig } from './rig.fixture.ts';
import {
  commitOf,
  EAST,
  headOf,
  orderOf,
  plain,
  plainHead,
  readPlain,
  TEST_TIMEOUT,
  text,
  WEST,
  withRig,
} from './rig.fixture.ts';

export function describeCommits(makeRig: MakeRig): void {
  describe('commits', TEST_TIMEOUT, () => {
    describeCommitContent(makeRig);
    describeFencing(makeRig);
    describeBeats(makeRig);
    describeConcurrency(makeRig);
  });
}

function describeCommitContent(makeRig: MakeRig): void {
  it(
    'knows nothing of a cluster that never committed',
    withRig(makeRig, async ({ store }) => {
      assert.equal(await store.read(WEST), undefined);
      assert.equal((await store.heads()).has(WEST), false);
    }),
  );

  it(
    'keeps head and records byte for byte, empty records and unusual keys included',
    withRig(makeRig, async ({ store }) => {
      const odd = Uint8Array.from({ length: 256 }, (_, index) => index);
      const commit = commitOf(EAST, {}, { cluster: odd, 'service/default/shop': '', __proto: 'é', 'facts/ü': '{}' });
      await store.commit(commit);
      const stored = await store.read(EAST);
      assert.deepEqual(plainHead(stored), plainHead(commit));
      assert.deepEqual(stored && plain(stored.records), plain(commit.puts));
    }),
  );

  it(
    'changes only what a later commit puts and deletes',
    withRig(makeRig, async ({ store }) => {
      await store.commit(commitOf(EAST, { version: 1 }, { a: '1', b: '1', c: '1' }));
      await store.commit(commitOf(EAST, { version: 2 }, { b: '2', d: '2' }, ['c', 'never-there']));
      assert.deepEqual(await readPlain(store, EAST), { a: '1', b: '2', d: '2' });
    }),
  );

  it(
    'keeps clusters apart and lists their heads sorted by name',
    withRig(makeRig, async (rig) => {
      await (rig.west ?? rig.store).commit(commitOf(WEST, { version: 4 }, { a: 'west' }));
      await rig.store.commit(commitOf(EAST, { version: 9 }, { a: 'east' }));
      const heads = await rig.store.heads();
      assert.deepEqual([...heads.keys()], [EAST, WEST]);
      assert.deepEqual(plainHead(heads.get(WEST)), plainHead(headOf({ version: 4 })));
      assert.deepEqual(await readPlain(rig.store, EAST), { a: 'east' });
    }),
  );

  it(
    'reads back ten thousand records as they were committed',
    withRig(makeRig, async ({ store }) => {
      const puts: Record<string, string> = {};
      for (let index = 0; index < 10_000; index += 1) puts[`service/shop/s-${index}`] = `{"n":${index}}`.repeat(20);
      await store.commit(commitOf(EAST, {}, puts));
      const stored = await store.read(EAST);
      assert.equal(stored?.records.size, 10_000);
      assert.deepEqual(stored && plain(stored.records), plain(commitOf(EAST, {}, puts).puts));
    }),
  );

  it(
    'shows a commit to every handle as soon as it has succeeded',
    withRig(makeRig, async ({ store, second }) => {
      await store.commit(commitOf(EAST, {}, { a: '1' }));
      assert.deepEqual(await readPlain(second ?? store, EAST), { a: '1' });
    }),
  );
}

function describeFencing(makeRig: MakeRig): void {
  const takeovers = [
    ['a higher epoch', { epoch: 2 }],
    ['a higher incarnation, whatever its epoch', { incarnation: 2, epoch: 0 }],
    ['the higher writer id at the same epoch', { writerId: 'b' }],
  ] as const;
  for (const [what, winner] of takeovers) {
    it(
      `lets ${what} take over and refuses the old writer from then on`,
      withRig(makeRig, async ({ store }) => {
        await store.commit(commitOf(EAST, { version: 50 }, { a: 'old' }));
        await store.commit(commitOf(EAST, { ...winner, version: 1 }, { a: 'new' }));
        const late = store.commit(commitOf(EAST, { version: 51 }, { a: 'late' }));
        await assert.rejects(late, (error) => error instanceof FencedError && error.code === 'fenced');
        await assert.rejects(store.beat(EAST, headOf({ version: 51, beat: 1 })), FencedError);
        assert.deepEqual(await readPlain(store, EAST), { a: 'new' });
      }),
    );
  }

  it(
    'tells a fenced writer who has taken over',
    withRig(makeRig, async ({ store }) => {
      const stored = orderOf({ epoch: 7, writerId: 'new', version: 3 });
      await store.commit({ ...commitOf(EAST, stored), order: stored });
      await assert.rejects(store.commit(commitOf(EAST, { epoch: 6 })), (error) => {
        assert.ok(error instanceof FencedError);
        assert.deepEqual({ ...error.stored }, stored);
        return true;
      });
    }),
  );

  it(
    'refuses a version of the same writer that is not above the stored one, and changes nothing',
    withRig(makeRig, async ({ store }) => {
      await store.commit(commitOf(EAST, { version: 5 }, { a: '5' }));
      for (const version of [5, 4]) {
        const again = store.commit(commitOf(EAST, { version, beat: 9 }, { a: 'again', b: 'again' }));
        await assert.rejects(again, StaleCommitError);
      }
      assert.deepEqual(await readPlain(store, EAST), { a: '5' });
    }),
  );
}

function describeBeats(makeRig: MakeRig): void {
  it(
    'replaces the head by a newer beat and leaves the records alone',
    withRig(makeRig, async ({ store }) => {
      await store.commit(commitOf(EAST, { version: 3 }, { a: '1' }));
      await store.beat(EAST, headOf({ version: 3, beat: 1 }));
      await store.beat(EAST, headOf({ version: 3, beat: 5 }));
      const stored = await store.read(EAST);
      assert.deepEqual(plainHead(stored), plainHead(headOf({ version: 3, beat: 5 })));
      assert.deepEqual(stored && plain(stored.records), { a: '1' });
    }),
  );

  it(
    'refuses a beat that renews nothing: no head, another version, an old or equal beat',
    withRig(makeRig, async ({ store }) => {
      await assert.rejects(store.beat(EAST, headOf({ beat: 1 })), StaleCommitError);
      await store.commit(commitOf(EAST, { version: 3, beat: 2 }));
      for (const stale of [
        { version: 3, beat: 2 },
        { version: 3, beat: 1 },
        { version: 4, beat: 3 },
        { version: 2, beat: 9 },
      ]) {
        await assert.rejects(store.beat(EAST, headOf(stale)), StaleCommitError);
      }
      await assert.rejects(store.beat(EAST, headOf({ epoch: 2, version: 3, beat: 3 })), StaleCommitError);
      assert.deepEqual(plainHead((await store.heads()).get(EAST)), plainHead(headOf({ version: 3, beat: 2 })));
    }),
  );

  it(
    'takes the next version after beats',
    withRig(makeRig, async ({ store }) => {
      await store.commit(commitOf(EAST, { version: 1 }));
      await store.beat(EAST, headOf({ version: 1, beat: 3 }));
      await store.commit(commitOf(EAST, { version: 2, beat: 0 }, { a: '2' }));
      assert.deepEqual(plainHead(await store.read(EAST)), plainHead(headOf({ version: 2 })));
    }),
  );
}

function describeConcurrency(makeRig: MakeRig): void {
  it(
    'ends at the highest order when writers race, with the records of exactly that commit',
    withRig(makeRig, async ({ store, second }) => {
      const commits: Commit[] = [];
      for (let epoch = 1; epoch <= 4; epoch += 1) {
        for (let version = 1; version <= 6; version += 1) {
          const marker = text(`${epoch}.${version}`);
          commits.push(commitOf(EAST, { epoch, version }, { left: marker, right: marker }));
        }
      }
      // Every third commit runs ahead of its place, so that each kind of refusal happens.
      const shuffled = commits.map((commit, index) => [(index * 7) % commits.length, commit] as const);
      shuffled.sort(([left], [right]) => left - right);
      const attempts = shuffled.map(([, commit], index) =>
        (index % 2 === 0 ? store : (second ?? store)).commit(commit),
      );
      const outcomes = await Promise.allSettled(attempts);
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue;
        const { reason } = outcome as { reason: unknown };
        assert.ok(reason instanceof FencedError || reason instanceof StaleCommitError, String(reason));
      }
      const stored = await store.read(EAST);
      assert.deepEqual({ ...stored?.order }, orderOf({ epoch: 4, version: 6 }));
      assert.deepEqual(stored && plain(stored.records), { left: '4.6', right: '4.6' });
    }),
  );
}
