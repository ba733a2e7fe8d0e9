import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Lease, StoreUnavailableError } from '../../federation/store/contract.ts';
import { MemoryShelf, MemoryStore } from '../../federation/store/memory.ts';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { ReplicaRole } from './replica-role.ts';

class Site {
  readonly clock = new ManualClock();
  readonly #store = new MemoryStore({ clock: this.clock }, { shelf: new MemoryShelf() });
  readonly #t: TestContext;
  dark = false;

  constructor(t: TestContext) {
    this.#t = t;
  }

  /** What it did is written down in `said`, in order. */
  replica(name: string, learn: () => Promise<void> = () => Promise.resolve()): { role: ReplicaRole; said: string[] } {
    const said: string[] = [];
    const { lease } = this.#store;
    const role = new ReplicaRole(
      {
        clock: this.clock,
        random: new SeededRandom(name.length),
        log: silentLogger,
        board: {
          acquire: async (...args: Parameters<typeof lease.acquire>): Promise<Lease> => {
            if (this.dark) throw new StoreUnavailableError('dark');
            return lease.acquire(...args);
          },
          release: (...args) => lease.release(...args),
        },
        office: {
          begin: ({ transitions }) => void said.push(`begin ${transitions}`),
          end: () => void said.push('end'),
        },
      },
      {
        cluster: 'east',
        replica: { name, holder: `${name}.1` },
        learn,
        onFollowing: (message) => void said.push(message),
      },
    );
    this.#t.after(() => role.close());
    role.start();
    return { role, said };
  }
}

test('a leader takes the office only when it has learnt what the one before knew, and serves nobody before', async (t) => {
  const site = new Site(t);
  const learnt = Promise.withResolvers<void>();
  const { role, said } = site.replica('a', () => learnt.promise);
  await site.clock.advance(10);
  assert.equal(role.view.kind, 'leader');
  assert.match(role.turnedAway ?? '', /taking over/);
  assert.equal(role.mayWrite, false);
  learnt.resolve();
  await site.clock.advance(0);
  assert.equal(role.turnedAway, undefined);
  assert.equal(role.mayWrite, true);
  assert.deepEqual(said, ['begin 1']);
});

test('a follower sends its gateways to the leader, by name', async (t) => {
  const site = new Site(t);
  site.replica('a');
  await site.clock.advance(10);
  const { role, said } = site.replica('b');
  await site.clock.advance(10);
  assert.deepEqual(said, ['not leader: a leads']);
  assert.equal(role.turnedAway, 'not leader: a leads');
  assert.equal(role.view.leader, 'a');
});

test('a leader whose store is dark leaves the office and goes on serving, and takes it anew when the store is back', async (t) => {
  const site = new Site(t);
  const { role, said } = site.replica('a');
  await site.clock.advance(3_000);
  site.dark = true;
  await site.clock.advance(20_000);
  assert.equal(role.mayWrite, false);
  assert.equal(role.turnedAway, undefined);
  site.dark = false;
  await site.clock.advance(2_000);
  assert.deepEqual(said, ['begin 1', 'end', 'begin 1']);
  assert.equal(role.mayWrite, true);
});

test('whoever wants to know is told at once, and at each change', async (t) => {
  const site = new Site(t);
  const { role } = site.replica('a');
  const told: boolean[] = [];
  role.onLeading((isLeader) => void told.push(isLeader));
  await site.clock.advance(10);
  site.dark = true;
  await site.clock.advance(10_000);
  assert.deepEqual(told, [false, true, false]);
});

test('a leader that met a higher epoch leaves the office and takes it again above that', async (t) => {
  const site = new Site(t);
  const { role, said } = site.replica('a');
  await site.clock.advance(10);
  role.fenced();
  await site.clock.advance(1_000);
  assert.deepEqual(said, ['begin 1', 'end', 'begin 1']);
});
