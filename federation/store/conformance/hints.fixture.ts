import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Hint, Store } from '../contract.ts';
import type { MakeRig } from './rig.fixture.ts';
import {
  commitOf,
  EAST,
  headOf,
  hintThat,
  orderOf,
  plainHead,
  TEST_TIMEOUT,
  text,
  WEST,
  withRig,
} from './rig.fixture.ts';

export function describeHints(makeRig: MakeRig): void {
  describe('hints', TEST_TIMEOUT, () => {
    describeSubjects(makeRig);
    describeEnds(makeRig);
  });
}

function describeSubjects(makeRig: MakeRig): void {
  it(
    'tells of commits and beats of any cluster through any handle, with the head that the store holds',
    withRig(makeRig, async (rig) => {
      const watching = new AbortController();
      const readers = [rig.store, rig.second ?? rig.store].map((store) => watch(store, watching.signal));
      await settled(rig, readers);
      await rig.store.commit(commitOf(EAST, { version: 2 }, { a: '1' }));
      await rig.store.beat(EAST, headOf({ version: 2, beat: 1 }));
      await (rig.west ?? rig.store).commit(commitOf(WEST, { version: 7 }));
      for (const hints of readers) {
        const wanted = new Map([
          [EAST, headOf({ version: 2, beat: 1 })],
          [WEST, headOf({ version: 7 })],
        ]);
        while (wanted.size > 0) {
          const hint = await hintThat(hints, ({ kind }) => kind === 'cluster');
          assert.ok(hint.kind === 'cluster');
          const newest = wanted.get(hint.cluster);
          if (hint.head === undefined || hint.head.order.beat === newest?.order.beat) wanted.delete(hint.cluster);
          if (hint.head?.order.beat === newest?.order.beat) assert.deepEqual(plainHead(hint.head), plainHead(newest));
        }
      }
      watching.abort();
    }),
  );

  it(
    'tells of a new roster and of what happens on the join board',
    withRig(makeRig, async (rig) => {
      const watching = new AbortController();
      const hints = watch(rig.second ?? rig.store, watching.signal);
      await settled(rig, [hints]);
      const version = ((await rig.store.roster())?.version ?? 0) + 1;
      await rig.store.putRoster({ version, bytes: rig.rosterBytes?.(version) ?? text('roster') });
      await hintThat(hints, ({ kind }) => kind === 'roster');
      const credential = new Uint8Array(createHash('sha256').update('s').digest());
      const expiresAtMs = (rig.epochMs?.() ?? Date.now()) + 60_000;
      await rig.store.join.offer({ tokenId: 't', credential, expiresAtMs });
      await hintThat(hints, ({ kind }) => kind === 'join');
      await rig.store.join.request({ tokenId: 't', bytes: text('please') });
      await hintThat(hints, ({ kind }) => kind === 'join');
      watching.abort();
    }),
  );

  it(
    'wakes a reader that slept through many beats with the newest head, not with each of them',
    withRig(makeRig, async (rig) => {
      const watching = new AbortController();
      const hints = watch(rig.store, watching.signal);
      await settled(rig, [hints]);
      for (let beat = 1; beat <= 100; beat += 1) await rig.store.beat(EAST, headOf({ version: 1, beat }));
      let taken = 0;
      await hintThat(hints, (hint) => {
        taken += 1;
        return hint.kind === 'cluster' && (hint.head === undefined || hint.head.order.beat === 100);
      });
      assert.ok(taken < 100, `the reader took ${taken} hints`);
      watching.abort();
    }),
  );

  it(
    'gives no hint of a refused write',
    withRig(makeRig, async (rig) => {
      await rig.store.commit(commitOf(EAST, { version: 3 }));
      const watching = new AbortController();
      const hints = watch(rig.store, watching.signal);
      await assert.rejects(rig.store.commit(commitOf(EAST, { version: 2 })));
      await rig.store.commit(commitOf(EAST, { version: 4 }));
      const hint = await hintThat(hints, (candidate) => candidate.kind === 'cluster' && headVersion(candidate) !== 3);
      assert.equal(headVersion(hint) ?? 4, 4);
      watching.abort();
    }),
  );
}

function describeEnds(makeRig: MakeRig): void {
  it(
    'ends with its signal, whether a reader waits or not',
    withRig(makeRig, async ({ store }) => {
      const watching = new AbortController();
      const waiting = watch(store, watching.signal);
      const idle = watch(store, watching.signal);
      const ended = drained(waiting);
      watching.abort();
      await ended;
      await drained(idle);
      await drained(watch(store, watching.signal));
    }),
  );

  it(
    'ends one watch without touching the others when its reader leaves',
    withRig(makeRig, async (rig) => {
      const watching = new AbortController();
      const staying = watch(rig.store, watching.signal);
      const leaving = watch(rig.store, watching.signal);
      await settled(rig, [staying, leaving]);
      await leaving.return?.();
      await drained(leaving);
      await rig.store.commit(commitOf(EAST, { version: 2 }));
      await hintThat(staying, (hint) => hint.kind === 'cluster' && (headVersion(hint) ?? 2) === 2);
      watching.abort();
    }),
  );

  it(
    'ends when the store is disposed of',
    withRig(makeRig, async ({ store }) => {
      const hints = watch(store, new AbortController().signal);
      const ended = drained(hints);
      await store[Symbol.asyncDispose]();
      await ended;
      await assert.rejects(store.read(EAST), { code: 'store-unavailable' });
    }),
  );
}

/** A first commit has been seen: from here on the watch is known to be under way, over a network too. */
async function settled(rig: { readonly store: Store }, readers: readonly AsyncIterator<Hint>[]): Promise<void> {
  await rig.store.commit(commitOf(EAST, orderOf({ version: 1 })));
  for (const hints of readers) await hintThat(hints, ({ kind }) => kind === 'cluster' || kind === 'gap');
}

function watch(store: Store, signal: AbortSignal): AsyncIterator<Hint> {
  return store.watch(signal)[Symbol.asyncIterator]();
}

async function drained(hints: AsyncIterator<Hint>): Promise<void> {
  for (;;) {
    const next = await hints.next();
    if (next.done === true) return;
  }
}

function headVersion(hint: Hint): number | undefined {
  return hint.kind === 'cluster' ? hint.head?.order.version : undefined;
}
