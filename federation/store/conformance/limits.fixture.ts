import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseClusterId } from '../../model/ids.ts';
import type { Commit, Store } from '../contract.ts';
import { STORE_LIMITS, StoreLimitError, StoreRefusedError } from '../contract.ts';
import type { MakeRig } from './rig.fixture.ts';
import { commitOf, EAST, headOf, plainHead, readPlain, TEST_TIMEOUT, withRig } from './rig.fixture.ts';

export function describeLimits(makeRig: MakeRig): void {
  describe('limits', TEST_TIMEOUT, () => {
    it(
      'refuses a commit that exceeds a limit as a whole, and keeps what it had',
      withRig(makeRig, async ({ store }) => {
        await store.commit(commitOf(EAST, { version: 1 }, { a: '1' }));
        for (const [what, commit] of oversized()) {
          await assert.rejects(store.commit(commit), StoreLimitError, what);
          assert.deepEqual(await readPlain(store, EAST), { a: '1' }, what);
        }
      }),
    );

    it(
      'takes a record and a head of exactly the largest size',
      withRig(makeRig, async ({ store }) => {
        const commit = commitOf(EAST, {}, { a: new Uint8Array(STORE_LIMITS.recordBytesMax) });
        const rest = STORE_LIMITS.headBytesMax - commit.head.signature.length - commit.head.signerChain.length;
        const head = { ...commit.head, bytes: new Uint8Array(rest) };
        await store.commit({ ...commit, head });
        assert.deepEqual(plainHead(await store.read(EAST)), plainHead({ order: commit.order, head }));
      }),
    );

    it(
      'refuses numbers that are no whole numbers, names that are no text, and a record both put and deleted',
      withRig(makeRig, async ({ store }) => {
        for (const bad of [{ version: -1 }, { version: 1.5 }, { epoch: 2 ** 53 }, { beat: Number.NaN }]) {
          await assert.rejects(store.commit(commitOf(EAST, bad)), StoreRefusedError, JSON.stringify(bad));
        }
        await assert.rejects(store.commit(commitOf(EAST, { writerId: '' })), StoreRefusedError);
        await assert.rejects(store.commit(commitOf(EAST, {}, { '': 'x' })), StoreRefusedError);
        await assert.rejects(store.commit(commitOf(EAST, {}, { 'a\0b': 'x' })), StoreRefusedError);
        await assert.rejects(store.commit(commitOf(EAST, {}, { 'a\ud800': 'x' })), StoreRefusedError);
        await assert.rejects(store.commit(commitOf(EAST, {}, { a: 'x' }, ['a'])), StoreRefusedError);
        await assert.rejects(store.commit(commitOf(EAST, {}, {}, ['a', ''])), StoreRefusedError);
        assert.equal(await store.read(EAST), undefined);
      }),
    );

    it(
      'bounds what the records of one cluster take together, over all commits',
      withRig(makeRig, async ({ store }) => {
        const record = new Uint8Array(STORE_LIMITS.recordBytesMax);
        const most = STORE_LIMITS.clusterBytesMax / STORE_LIMITS.recordBytesMax - 1;
        const names = Array.from({ length: most }, (_, index) => [`r${index}`, record] as const);
        await store.commit(commitOf(EAST, { version: 1 }, Object.fromEntries(names)));
        const more = store.commit(commitOf(EAST, { version: 2 }, { more1: record, more2: record }));
        await assert.rejects(more, StoreLimitError);
        await store.commit(commitOf(EAST, { version: 2 }, { more1: record, more2: record }, ['r0', 'r1']));
        assert.equal((await store.read(EAST))?.records.size, most);
      }),
    );

    it(
      'bounds the number of records of one cluster',
      withRig(makeRig, async ({ store }) => {
        const puts: Record<string, string> = {};
        for (let index = 0; index < STORE_LIMITS.clusterRecordsMax; index += 1) puts[`r${index}`] = '';
        await store.commit(commitOf(EAST, { version: 1 }, puts));
        await assert.rejects(store.commit(commitOf(EAST, { version: 2 }, { more: '' })), StoreLimitError);
        await store.commit(commitOf(EAST, { version: 2 }, { more: '' }, ['r0']));
        assert.equal((await store.read(EAST))?.records.size, STORE_LIMITS.clusterRecordsMax);
      }),
    );

    it(
      'refuses a beat whose head is too large',
      withRig(makeRig, async ({ store }) => {
        await store.commit(commitOf(EAST, {}));
        const beat = headOf({ beat: 1 });
        const head = { ...beat.head, bytes: new Uint8Array(STORE_LIMITS.headBytesMax) };
        await assert.rejects(store.beat(EAST, { ...beat, head }), StoreLimitError);
        assert.deepEqual(plainHead(await store.read(EAST)), plainHead(headOf({})));
      }),
    );
  });
}

function oversized(): readonly (readonly [string, Commit])[] {
  const next = { version: 2 };
  const large = new Uint8Array(STORE_LIMITS.recordBytesMax + 1);
  const record = new Uint8Array(STORE_LIMITS.recordBytesMax);
  const many = Array.from({ length: 129 }, (_, index) => [`r${index}`, record] as const);
  const plainCommit = commitOf(EAST, next, { b: '2' });
  return [
    ['record', commitOf(EAST, next, { b: '2', large })],
    ['record key', commitOf(EAST, next, { b: '2', ['k'.repeat(STORE_LIMITS.nameBytesMax + 1)]: '' })],
    ['commit', commitOf(EAST, next, { b: '2', ...Object.fromEntries(many) })],
    ['writer id', commitOf(EAST, { ...next, writerId: 'w'.repeat(STORE_LIMITS.nameBytesMax + 1) }, { b: '2' })],
    ['head', { ...plainCommit, head: { ...plainCommit.head, bytes: new Uint8Array(STORE_LIMITS.headBytesMax) } }],
  ];
}

/** For stores that let one user write every cluster: the number of clusters has a bound too. */
export async function assertClusterLimit(store: Store): Promise<void> {
  for (let index = 0; index < STORE_LIMITS.clustersMax; index += 1) {
    await store.commit(commitOf(parseClusterId(`c${index}`), {}));
  }
  await assert.rejects(store.commit(commitOf(EAST, {})), StoreLimitError);
  await store.commit(commitOf(parseClusterId('c0'), { version: 2 }));
  assert.equal((await store.heads()).size, STORE_LIMITS.clustersMax);
}
