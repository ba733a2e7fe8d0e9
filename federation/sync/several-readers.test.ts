import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { type ClusterId, parseClusterId, serviceKey } from '../model/ids.ts';
import type { StoreList } from '../store/several.ts';
import { ClustersetFixture, makeReader, makeWriter, type Reader, recordsOf, rim } from './clusterset.fixture.ts';
import { Marks } from './marks.ts';
import type { Publisher } from './publisher.ts';
import { POLL_INTERVAL_MS } from './subscriber.ts';
import { backUp, MemoryShelf, UnrulyStore } from './unruly-store.fixture.ts';

/** Two stores in one list, as a reader meets them while a clusterset moves from one to the other. */
const EAST = parseClusterId('east');
const WEST = parseClusterId('west');
const SHOP = serviceKey('default', 'shop');
const clusterset = new ClustersetFixture(['east', 'west']);

interface Side {
  readonly shelf: MemoryShelf;
  /** The reader's way there, and the writer's. */
  readonly read: UnrulyStore;
  readonly write: UnrulyStore;
}

interface Stage {
  readonly clock: ManualClock;
  readonly marks: Marks;
  readonly old: Side;
  readonly new: Side;
  readonly reader: Reader;
  readonly west: Publisher;
  restart(): Promise<Reader>;
}

function sideOf(clock: ManualClock, seed: number): Side {
  const shelf = new MemoryShelf();
  const link = (offset: number): UnrulyStore =>
    new UnrulyStore({ clock, random: new SeededRandom(seed + offset) }, shelf);
  return { shelf, read: link(0), write: link(1) };
}

function listOf(old: UnrulyStore, fresh: UnrulyStore): StoreList {
  return [
    { name: 'old', store: old },
    { name: 'new', store: fresh },
  ];
}

/** East follows west over both; the roster is in the old one. */
async function stage(): Promise<Stage> {
  const clock = new ManualClock();
  const [old, fresh] = [sideOf(clock, 10), sideOf(clock, 20)];
  const { marks } = await Marks.load(rim(clock));
  await clusterset.putRoster(old.read, clusterset.roster(1));
  const read = listOf(old.read, fresh.read);
  const start = async (seed: number): Promise<Reader> => {
    const reader = await makeReader(clusterset, { ...rim(clock, seed), store: read, marks }, EAST);
    reader.subscriber.start();
    return reader;
  };
  const reader = await start(4);
  const west = await makeWriter(clusterset, { ...rim(clock, 5), store: listOf(old.write, fresh.write) }, WEST);
  west.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(100);
  assert.equal(ready(reader), 1);
  return { clock, marks, old, new: fresh, reader, west, restart: () => start(6) };
}

async function strike({ reader, west }: Stage, ...more: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.all([reader.subscriber.close(), west.close(), ...more.map((one) => one.close())]);
}

function ready(reader: Reader, cluster: ClusterId = WEST): number | undefined {
  return reader.subscriber.views.get(cluster)?.services.get(SHOP)?.ready[0]?.ready;
}

function rosterVersion({ shelf }: Side): number | undefined {
  return shelf.roster?.version;
}

function version(side: Side): number {
  return side.shelf.clusters.get(WEST)?.order.version ?? 0;
}

test('one change costs one read, however many stores carry it', async () => {
  const s = await stage();
  for (const { read } of [s.old, s.new]) read.calls.clear();
  s.west.publish(recordsOf({ shop: 2 }), 'availability');
  await s.clock.advance(1_000);
  assert.equal(ready(s.reader), 2);
  const reads = [s.old, s.new].map(({ read }) => (read.calls.get('changes') ?? 0) + (read.calls.get('read') ?? 0));
  assert.equal(
    reads.reduce((sum, count) => sum + count),
    1,
  );
  await strike(s);
});

for (const dead of ['old', 'new'] as const) {
  for (const link of ['down', 'hung'] as const) {
    test(`with the ${dead} store ${link}, a change comes by the other at once, and nobody says that the store is away`, async () => {
      const s = await stage();
      s[dead].read.faults.link = link;
      s[dead].write.faults.link = link;
      await s.clock.advance(5_000);
      s.west.publish(recordsOf({ shop: 7 }), 'availability');
      await s.clock.advance(1);
      assert.equal(ready(s.reader), 7);
      await s.clock.advance(20_000);
      assert.deepEqual(s.reader.of('storeDown'), []);
      assert.deepEqual(s.reader.of('rejected'), []);
      const states = s.reader.subscriber.stores.map(({ store, state }) => [store, state]);
      assert.deepEqual(new Map(states.map(([store, state]) => [store, state])).get(dead), 'down');
      await strike(s);
    });
  }
}

test('that no store answers is told when the last one goes, and that one answers when the first comes back', async () => {
  const s = await stage();
  s.old.read.faults.link = 'down';
  await s.clock.advance(10_000);
  s.new.read.faults.link = 'down';
  await s.clock.advance(10_000);
  assert.equal(s.reader.of('storeDown').length, 1);
  assert.match(await s.reader.metrics.text(), /^isthmus_store_up 0$/m);
  s.old.read.faults.link = 'up';
  await s.clock.advance(5_000);
  assert.equal(s.reader.of('storeUp').length, 2);
  assert.match(await s.reader.metrics.text(), /^isthmus_store_link_up{store="new"} 0$/m);
  assert.match(await s.reader.metrics.text(), /^isthmus_store_link_up{store="old"} 1$/m);
  await strike(s);
});

test('a read that hangs in one store is begun in the other', async () => {
  const s = await stage();
  s.old.read.faults.hungCluster = WEST;
  // The old store tells first: its hint has come and its read hangs when the new one gets the change.
  s.new.write.faults.delayMsMax = 100;
  s.west.publish(recordsOf({ shop: 3 }), 'availability');
  await s.clock.advance(700);
  assert.equal(ready(s.reader), 3);
  await strike(s);
});

test('a higher head that does not verify, in one store, hides no valid one in the other', async () => {
  const s = await stage();
  s.old.write.faults.link = 'down';
  const stored = s.old.shelf.clusters.get(WEST);
  assert.ok(stored, 'west is stored');
  const order = { ...stored.order, version: 1_000_000 };
  s.old.shelf.clusters.set(WEST, { ...stored, order, head: { ...stored.head, signature: new Uint8Array(64) } });
  for (let value = 2; value <= 6; value++) {
    s.west.publish(recordsOf({ shop: value }), 'availability');
    await s.clock.advance(POLL_INTERVAL_MS);
    assert.equal(ready(s.reader), value);
  }
  const rejected = s.reader.of('rejected');
  assert.ok(rejected.length > 0, 'the forgery was noticed');
  assert.deepEqual(new Set(rejected.map(({ store }) => store)), new Set(['old']));
  await strike(s);
});

test('a store that lags behind the other is no rollback, also not for a reader that starts anew', async () => {
  const s = await stage();
  s.old.write.faults.link = 'down';
  s.west.publish(recordsOf({ shop: 4 }), 'availability');
  await s.clock.advance(10_000);
  const again = await s.restart();
  await s.clock.advance(10_000);
  for (const reader of [s.reader, again]) {
    assert.equal(ready(reader), 4);
    assert.deepEqual(reader.of('rejected'), []);
  }
  assert.ok(version(s.old) < version(s.new));
  const behind = s.reader.subscriber.stores.map((store) => store.behind);
  assert.deepEqual(behind, [1, 0]);
  await strike(s, again.subscriber);
});

test('a store that goes back behind what it served itself is a rollback, however far the other is', async () => {
  const s = await stage();
  const restore = backUp(s.old.shelf);
  s.west.publish(recordsOf({ shop: 2 }), 'availability');
  await s.clock.advance(3_000);
  s.old.write.faults.link = 'down';
  restore();
  s.west.publish(recordsOf({ shop: 3 }), 'availability');
  await s.clock.advance(10_000);
  assert.equal(ready(s.reader), 3);
  assert.deepEqual(
    new Set(s.reader.of('rejected').map(({ reason, store }) => `${reason} ${store}`)),
    new Set(['Rollback old']),
  );
  await strike(s);
});

test('when every store is older than what was accepted before a restart, that is a rollback', async () => {
  const s = await stage();
  const restores = [s.old, s.new].map(({ shelf }) => backUp(shelf));
  s.west.publish(recordsOf({ shop: 2 }), 'availability');
  await s.clock.advance(100);
  await s.reader.subscriber.close();
  await s.west.close();
  for (const restore of restores) restore();
  const again = await s.restart();
  await s.clock.advance(5_000);
  assert.equal(ready(again), undefined);
  assert.ok(again.of('rejected').some(({ reason }) => reason === 'Rollback'));
  await again.subscriber.close();
});

test('an emptied store takes nothing away, and is complete again within seconds', async () => {
  const s = await stage();
  s.new.shelf.clusters.clear();
  s.new.shelf.roster = undefined;
  await s.clock.advance(4_000);
  assert.equal(version(s.new), 1);
  assert.deepEqual(s.reader.of('withdrawn'), []);
  assert.deepEqual(s.reader.of('rejected'), []);
  await strike(s);
});

test('two contents that a member signed under one version, one in each store, are equivocation: the first stays', async () => {
  const s = await stage();
  await s.west.close();
  const liar = { epoch: 2, writerId: 'w' };
  const one = await makeWriter(clusterset, { ...rim(s.clock, 7), store: s.old.write }, WEST, liar);
  const other = await makeWriter(clusterset, { ...rim(s.clock, 8), store: s.new.write }, WEST, liar);
  one.publish(recordsOf({ shop: 8 }), 'availability');
  await s.clock.advance(1);
  other.publish(recordsOf({ shop: 9 }), 'availability');
  await s.clock.advance(10_000);
  assert.equal(ready(s.reader), 8);
  assert.ok(s.reader.of('rejected').some(({ reason, store }) => reason === 'Equivocation' && store === 'new'));
  await strike(s, one, other);
});

test('the newest valid roster wins, whichever store holds it, and an older one in the other is no refusal', async () => {
  const s = await stage();
  await clusterset.putRoster(s.new.read, clusterset.roster(5));
  await s.clock.advance(12_000);
  assert.equal(s.reader.follower.version, 5);
  assert.deepEqual(s.reader.of('rosterRefused'), []);
  await strike(s);
});

test('a roster is withheld when every store that answers has less than a peer has seen', async () => {
  const s = await stage();
  s.new.read.faults.link = 'hung';
  await clusterset.putRoster(s.new.write, clusterset.roster(2));
  s.west.withBeatInfo({ rosterSeen: 2, acks: {} });
  await s.clock.advance(15_000);
  assert.deepEqual(s.reader.of('rosterWithheld').at(-1)?.withheld, { served: 1, seen: 2, by: WEST });
  s.new.read.faults.link = 'up';
  await s.clock.advance(12_000);
  assert.equal(s.reader.follower.version, 2);
  assert.equal(s.reader.of('rosterWithheld').at(-1)?.withheld, undefined);
  await strike(s);
});

test('the authority brings the roster to every store that lacks it, and nobody else does', async () => {
  for (const [isAuthority, brought] of [
    [true, 1],
    [false, undefined],
  ] as const) {
    const s = await stage();
    assert.equal(rosterVersion(s.new), undefined);
    const store = listOf(s.old.read, s.new.read);
    const reader = await makeReader(clusterset, { ...rim(s.clock, 9), store }, WEST, {
      bringsRoster: () => isAuthority,
    });
    reader.subscriber.start();
    await s.clock.advance(12_000);
    assert.equal(rosterVersion(s.new), brought);
    await strike(s, reader.subscriber);
  }
});
