import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId } from '../../federation/model/ids.ts';
import { type Commit, FencedError, type Store } from '../../federation/store/contract.ts';
import { MemoryShelf, MemoryStore } from '../../federation/store/memory.ts';
import { ManualClock } from '../../runtime/clock.ts';
import { GuardedStore, WriteSuspendedError } from './guarded-store.ts';

const EAST = parseClusterId('east');

function commit(epoch: number, version: number): Commit {
  const order = { incarnation: 1, epoch, writerId: `w${epoch}`, version, beat: 0 };
  const head = { bytes: new Uint8Array([epoch]), signature: new Uint8Array(64), signerChain: 'a'.repeat(64) };
  return { cluster: EAST, order, head, puts: new Map(), deletes: [] };
}

function guarded(): { guard: GuardedStore; store: Store; lead: (may: boolean) => void } {
  const store = new MemoryStore({ clock: new ManualClock() }, { shelf: new MemoryShelf() });
  let may = true;
  const guard = new GuardedStore({ store }, { mayWrite: () => may });
  return { guard, store, lead: (next) => (may = next) };
}

const WRITES: Readonly<Record<string, (store: Store) => Promise<void>>> = {
  commit: (store) => store.commit(commit(1, 1)),
  beat: (store) => store.beat(EAST, commit(1, 1)),
  putRoster: (store) => store.putRoster({ version: 1, bytes: new Uint8Array([1]) }),
  offer: (store) => store.join.offer({ tokenId: 't', credential: new Uint8Array(32), expiresAtMs: 1 }),
  answer: (store) => store.join.answer({ tokenId: 't', bytes: new Uint8Array([1]) }),
};

for (const [name, write] of Object.entries(WRITES)) {
  test(`a replica that does not lead begins no ${name}`, async () => {
    const { guard, store, lead } = guarded();
    lead(false);
    await assert.rejects(write(guard), WriteSuspendedError);
    assert.equal(await store.read(EAST), undefined);
    assert.equal(await store.roster(), undefined);
  });
}

test('a replica that leads writes, and one that does not may read what is there', async () => {
  const { guard, lead } = guarded();
  await guard.commit(commit(1, 1));
  lead(false);
  assert.equal((await guard.read(EAST))?.order.epoch, 1);
  assert.equal((await guard.heads()).size, 1);
});

/** What SIGSTOP does to a leader between the check and the store: it wakes up when another one leads. */
test('a commit that began in time and arrives late is fenced by the epoch of the next leader', async () => {
  const { store } = guarded();
  const stopped = Promise.withResolvers<void>();
  const slow: Store = Object.create(store, {
    commit: {
      value: async (late: Commit): Promise<void> => {
        await stopped.promise;
        await store.commit(late);
      },
    },
  });
  const guard = new GuardedStore({ store: slow }, { mayWrite: () => true });
  const late = guard.commit(commit(1, 7));
  await store.commit(commit(2, 1));
  stopped.resolve();
  await assert.rejects(late, FencedError);
  assert.equal((await store.read(EAST))?.order.epoch, 2);
});
