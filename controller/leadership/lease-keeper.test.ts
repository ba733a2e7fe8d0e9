import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Lease, StoreUnavailableError } from '../../federation/store/contract.ts';
import { MemoryShelf, MemoryStore } from '../../federation/store/memory.ts';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { Leadership } from './leadership.ts';

/** Replicas of one cluster on one board, which can be cut off from it. */
class Cluster {
  readonly clock = new ManualClock();
  readonly #store = new MemoryStore({ clock: this.clock }, { shelf: new MemoryShelf() });
  readonly #t: TestContext;
  dark = false;

  constructor(t: TestContext) {
    this.#t = t;
  }

  replica(holder: string): { keeper: LeaseKeeper; told: Leadership['kind'][] } {
    const told: Leadership['kind'][] = [];
    const { lease } = this.#store;
    const board = {
      acquire: async (...args: Parameters<typeof lease.acquire>): Promise<Lease> => {
        if (this.dark) throw new StoreUnavailableError('dark');
        return lease.acquire(...args);
      },
      release: lease.release.bind(lease),
    };
    const keeper = new LeaseKeeper(
      { clock: this.clock, random: new SeededRandom(told.length + holder.length), board },
      { name: 'east', holder, onChange: ({ kind }) => void told.push(kind) },
    );
    this.#t.after(() => keeper.close());
    keeper.start();
    return { keeper, told };
  }
}

test('the first to ask leads and goes on leading, the second follows', async (t) => {
  const cluster = new Cluster(t);
  const a = cluster.replica('a');
  await cluster.clock.advance(1);
  const b = cluster.replica('b');
  await cluster.clock.advance(60_000);
  assert.deepEqual(a.told, ['leader']);
  assert.deepEqual(b.told, ['follower']);
  assert.equal(a.keeper.mayWrite, true);
  assert.equal(b.keeper.mayWrite, false);
});

test('a follower leads at once when the leader stops in order', async (t) => {
  const cluster = new Cluster(t);
  const a = cluster.replica('a');
  await cluster.clock.advance(1);
  const b = cluster.replica('b');
  await cluster.clock.advance(5_000);
  const closing = a.keeper.close();
  assert.equal(a.keeper.mayWrite, false, 'from the moment on in which the lease may be given back');
  await closing;
  await cluster.clock.advance(2_000);
  assert.equal(b.keeper.leadership.kind, 'leader');
  assert.equal(a.keeper.mayWrite, false);
});

test('a dark board ends the writing before the lease ends, and what was known stays', async (t) => {
  const cluster = new Cluster(t);
  const a = cluster.replica('a');
  await cluster.clock.advance(1);
  const b = cluster.replica('b');
  await cluster.clock.advance(10_000);
  cluster.dark = true;
  await cluster.clock.advance(5_000);
  assert.equal(a.keeper.mayWrite, false);
  await cluster.clock.advance(10_000);
  assert.deepEqual(a.told, ['leader', 'lapsed', 'unknown']);
  assert.deepEqual(b.told, ['follower', 'unknown']);
});

test('when the board is back one replica leads, and the other knows', async (t) => {
  const cluster = new Cluster(t);
  const [a, b] = [cluster.replica('a'), cluster.replica('b')];
  await cluster.clock.advance(10_000);
  cluster.dark = true;
  await cluster.clock.advance(30_000);
  cluster.dark = false;
  await cluster.clock.advance(2_000);
  const kinds = [a.keeper.leadership.kind, b.keeper.leadership.kind].toSorted();
  assert.deepEqual(kinds, ['follower', 'leader']);
});

test('a leader that met a higher epoch asks the board at once and begins a new term', async (t) => {
  const cluster = new Cluster(t);
  const a = cluster.replica('a');
  await cluster.clock.advance(100);
  a.keeper.fenced();
  assert.equal(a.keeper.mayWrite, false);
  await cluster.clock.advance(1);
  assert.deepEqual(a.told, ['leader', 'lapsed', 'leader']);
});
