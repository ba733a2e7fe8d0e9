import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { compareHeadOrder, type HeadOrder } from '../model/head.ts';
import { type ClusterId, parseClusterId, serviceKey } from '../model/ids.ts';
import { ClustersetFixture, makeReader, makeWriter, type Reader, recordsOf, rim } from './clusterset.fixture.ts';
import { HEAD_FRESH_MS, headAdvanced, headAge, NEVER_ADVANCED } from './freshness.ts';
import type { Publisher } from './publisher.ts';
import { POLL_INTERVAL_MS } from './subscriber.ts';
import { backUp, MemoryShelf, UnrulyStore } from './unruly-store.fixture.ts';

const EAST = parseClusterId('east');
const WEST = parseClusterId('west');
const NORTH = parseClusterId('north');
const SHOP = serviceKey('default', 'shop');
const clusterset = new ClustersetFixture(['east', 'north', 'west']);

interface Stage {
  readonly clock: ManualClock;
  readonly shelf: MemoryShelf;
  /** The reader's own way to the store: its faults are the reader's alone. */
  readonly link: UnrulyStore;
  readonly reader: Reader;
  readonly west: Publisher;
  readonly westLink: UnrulyStore;
  readonly north: Publisher;
}

/** East follows west and north, each with a way to the store of its own. */
async function stage(): Promise<Stage> {
  const clock = new ManualClock();
  const shelf = new MemoryShelf();
  const link = (seed: number): UnrulyStore => new UnrulyStore({ clock, random: new SeededRandom(seed) }, shelf);
  const [readerLink, westLink, northLink] = [link(1), link(2), link(3)];
  await clusterset.putRoster(readerLink, clusterset.roster(1));
  const reader = await makeReader(clusterset, { ...rim(clock, 4), store: readerLink }, EAST);
  const west = await makeWriter(clusterset, { ...rim(clock, 5), store: westLink }, WEST);
  const north = await makeWriter(clusterset, { ...rim(clock, 6), store: northLink }, NORTH);
  reader.subscriber.start();
  west.publish(recordsOf({ shop: 1 }), 'availability');
  north.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(100);
  assert.deepEqual([...reader.subscriber.views.keys()].sort(), [NORTH, WEST]);
  return { clock, shelf, link: readerLink, reader, west, westLink, north };
}

async function strike({ reader, west, north }: Stage): Promise<void> {
  await Promise.all([reader.subscriber.close(), west.close(), north.close()]);
}

function ready(reader: Reader, cluster: ClusterId): number | undefined {
  return reader.subscriber.views.get(cluster)?.services.get(SHOP)?.ready[0]?.ready;
}

function ordersOf(reader: Reader, cluster: ClusterId): readonly HeadOrder[] {
  return reader.of('view').flatMap(({ view }) => (view.cluster === cluster ? [view.head] : []));
}

function assertNeverBack(orders: readonly HeadOrder[]): void {
  for (const [index, order] of orders.entries()) {
    const before = orders[index - 1];
    assert.ok(before === undefined || compareHeadOrder(before, order) <= 0, `order ${index} went back`);
  }
}

test('a change is seen by its hint, within no time', async () => {
  const s = await stage();
  s.west.publish(recordsOf({ shop: 5 }), 'availability');
  await s.clock.advance(1);
  assert.equal(ready(s.reader, WEST), 5);
  await strike(s);
});

test('with every hint lost, polling finds a change within one poll interval and its jitter', async () => {
  const s = await stage();
  s.link.faults.hintsLost = 1;
  s.west.publish(recordsOf({ shop: 5 }), 'availability');
  await s.clock.advance(1);
  assert.equal(ready(s.reader, WEST), 1);
  await s.clock.advance(POLL_INTERVAL_MS * 1.25);
  assert.equal(ready(s.reader, WEST), 5);
  await strike(s);
});

test('doubled, late and reordered hints change nothing and blame nobody', async () => {
  const s = await stage();
  Object.assign(s.link.faults, { hintsDoubled: 0.5, hintsHeldBack: 0.5, delayMsMax: 40 });
  for (let value = 2; value < 40; value++) {
    s.west.publish(recordsOf({ shop: value }), 'availability');
    await s.clock.advance(15);
  }
  await s.clock.advance(5_000);
  assert.equal(ready(s.reader, WEST), 39);
  assertNeverBack(ordersOf(s.reader, WEST));
  assert.deepEqual(s.reader.of('rejected'), []);
  await strike(s);
});

test('answers that were under way while newer news came by another path blame nobody', async () => {
  const s = await stage();
  s.link.faults.delayMsMax = 700;
  for (let round = 0; round < 200; round++) {
    if (round % 3 === 0) s.west.publish(recordsOf({ shop: round }), 'availability');
    s.west.withBeatInfo({ rosterSeen: 1, acks: { round: `${round}` } });
    await s.clock.advance(170);
  }
  assert.deepEqual(s.reader.of('rejected'), []);
  await s.clock.advance(5_000);
  assert.equal(ready(s.reader, WEST), 198);
  assertNeverBack(ordersOf(s.reader, WEST));
  await strike(s);
});

test('an answer to a poll that is older than what a hint brought meanwhile is no rollback', async () => {
  const s = await stage();
  s.link.faults.headsLateMs = 300;
  for (let value = 2; value < 8; value++) {
    const polls = s.link.calls.get('heads');
    while (s.link.calls.get('heads') === polls) await s.clock.advance(20);
    s.west.publish(recordsOf({ shop: value }), 'availability');
    await s.clock.advance(400);
    assert.equal(ready(s.reader, WEST), value);
  }
  assert.deepEqual(s.reader.of('rejected'), []);
  await strike(s);
});

test('a hint that carries a beat costs no call', async () => {
  const s = await stage();
  s.link.calls.clear();
  await s.clock.advance(30_000);
  const beats = s.reader.of('beat').filter(({ cluster }) => cluster === WEST);
  assert.ok(beats.length >= 9, `${beats.length} beats`);
  assert.equal(s.link.calls.get('read'), undefined);
  assert.equal(s.link.calls.get('changes'), undefined);
  await strike(s);
});

test('a head seen once says nothing about its age; a head that advances is fresh; a pinned one turns stale', async () => {
  const s = await stage();
  const freshness = (): string => {
    const last = s.reader.of('beat').findLast(({ cluster }) => cluster === WEST);
    const state = last === undefined ? NEVER_ADVANCED : headAdvanced(last.atMonotonicMs);
    return headAge(state, s.clock.monotonicMs()).head;
  };
  assert.equal(freshness(), 'unknown');
  await s.clock.advance(3_500);
  assert.equal(freshness(), 'fresh');
  // The store pins the head: west goes on beating, and the reader goes on being served the old one.
  s.westLink.faults.link = 'down';
  await s.clock.advance(9_500);
  assert.equal(freshness(), 'stale');
  assert.equal(ready(s.reader, WEST), 1);
  s.westLink.faults.link = 'up';
  await s.clock.advance(4_000);
  assert.equal(freshness(), 'fresh');
  await strike(s);
});

test('an empty store takes no cluster away, and says that it is empty', async () => {
  const s = await stage();
  s.westLink.faults.link = 'down';
  s.north.publish(recordsOf({ shop: 1 }), 'availability');
  await s.north.close();
  s.shelf.clusters.clear();
  await s.clock.advance(30_000);
  assert.equal(ready(s.reader, WEST), 1);
  assert.equal(ready(s.reader, NORTH), 1);
  assert.match(await s.reader.metrics.text(), /^isthmus_store_empty 1$/m);
  s.westLink.faults.link = 'up';
  await s.clock.advance(10_000);
  assert.match(await s.reader.metrics.text(), /^isthmus_store_empty 0$/m);
  assert.deepEqual(s.reader.of('withdrawn'), []);
  await strike(s);
});

test('a store that went back is reported, moves no reader back, and heals when the writer has written again', async () => {
  const s = await stage();
  const restore = backUp(s.shelf);
  s.west.publish(recordsOf({ shop: 7 }), 'availability');
  await s.clock.advance(100);
  s.westLink.faults.link = 'down';
  restore();
  await s.clock.advance(6_000);
  assert.equal(ready(s.reader, WEST), 7);
  assert.ok(s.reader.of('rejected').some(({ cluster, reason }) => cluster === WEST && reason === 'Rollback'));
  s.westLink.faults.link = 'up';
  s.west.publish(recordsOf({ shop: 8 }), 'availability');
  await s.clock.advance(10_000);
  assert.equal(ready(s.reader, WEST), 8);
  assertNeverBack(ordersOf(s.reader, WEST));
  await strike(s);
});

test('whatever is forged on the way changes nothing, and honest answers are believed again', async () => {
  const s = await stage();
  s.link.faults.forged = 1;
  for (let value = 2; value < 30; value++) {
    s.west.publish(recordsOf({ shop: value, cart: value }), 'availability');
    await s.clock.advance(700);
    const seen = ready(s.reader, WEST) ?? 0;
    assert.ok(seen >= 1 && seen <= value, `a value that was never published: ${seen}`);
  }
  assert.ok(s.reader.of('rejected').length > 0, 'forgeries were noticed');
  s.link.faults.forged = 0;
  await s.clock.advance(10_000);
  assert.equal(ready(s.reader, WEST), 29);
  assertNeverBack(ordersOf(s.reader, WEST));
  await strike(s);
});

test('a delta that does not fit the head costs one full read before the cluster is blamed', async () => {
  const s = await stage();
  const stored = s.shelf.clusters.get(WEST);
  assert.ok(stored, 'west is stored');
  s.west.publish(recordsOf({ shop: 2, cart: 2 }), 'availability');
  // The store forgets in its log that the change touched the cart, but its records are whole.
  s.shelf.announce = () => undefined;
  await s.clock.advance(1);
  const now = s.shelf.clusters.get(WEST);
  assert.ok(now, 'west is stored');
  const log = now.log.map((entry) => ({ ...entry, touched: entry.touched.filter((key) => !key.includes('cart')) }));
  s.shelf.clusters.set(WEST, { ...now, log });
  s.link.calls.clear();
  await s.clock.advance(POLL_INTERVAL_MS * 1.3);
  assert.equal(ready(s.reader, WEST), 2);
  assert.equal(s.link.calls.get('read'), 1);
  assert.deepEqual(s.reader.of('rejected'), []);
  await strike(s);
});

test('a cluster whose reads hang does not hold up another', async () => {
  const s = await stage();
  s.link.faults.hungCluster = WEST;
  s.west.publish(recordsOf({ shop: 5 }), 'availability');
  await s.clock.advance(1);
  s.north.publish(recordsOf({ shop: 5 }), 'availability');
  await s.clock.advance(1);
  assert.equal(ready(s.reader, NORTH), 5);
  assert.equal(ready(s.reader, WEST), 1);
  s.link.faults.hungCluster = undefined;
  await s.clock.advance(10_000);
  assert.equal(ready(s.reader, WEST), 5);
  await strike(s);
});

test('a store that goes away and comes back is told once each, and takes nothing along', async () => {
  const s = await stage();
  s.link.faults.link = 'hung';
  await s.clock.advance(60_000);
  assert.equal(s.reader.of('storeDown').length, 1);
  assert.equal(ready(s.reader, WEST), 1);
  s.west.publish(recordsOf({ shop: 3 }), 'availability');
  s.link.faults.link = 'up';
  await s.clock.advance(5_000);
  assert.equal(s.reader.of('storeUp').length, 2);
  assert.equal(ready(s.reader, WEST), 3);
  await strike(s);
});

test('a refused cluster keeps its last good, costs few reads, and comes back with its next good version', async () => {
  const s = await stage();
  const bad = new Map(recordsOf({ shop: 2 }));
  bad.set('service/default/cart', new TextEncoder().encode('{"kind":"service"'));
  s.west.publish(bad, 'availability');
  await s.clock.advance(1);
  s.link.calls.clear();
  await s.clock.advance(60_000);
  assert.equal(ready(s.reader, WEST), 1);
  assert.ok((s.link.calls.get('read') ?? 0) <= 20, `${s.link.calls.get('read')} reads in a minute`);
  assert.ok(s.reader.of('rejected').every(({ cluster }) => cluster === WEST));
  assert.match(await s.reader.metrics.text(), /isthmus_record_rejected_total{cluster="west",reason="\w+"}/);
  s.west.publish(recordsOf({ shop: 4 }), 'availability');
  await s.clock.advance(3_000);
  assert.equal(ready(s.reader, WEST), 4);
  await strike(s);
});

test('only a newer signed roster takes a cluster away', async () => {
  const s = await stage();
  const without = clusterset.roster(2, (member) =>
    member.cluster === WEST ? { ...member, status: 'removed' } : member,
  );
  await clusterset.putRoster(s.link, without);
  await s.clock.advance(100);
  assert.deepEqual(s.reader.of('withdrawn'), [{ kind: 'withdrawn', cluster: WEST, reason: 'removed' }]);
  assert.deepEqual([...s.reader.subscriber.views.keys()], [NORTH]);
  s.west.publish(recordsOf({ shop: 9 }), 'availability');
  await s.clock.advance(5_000);
  assert.deepEqual([...s.reader.subscriber.views.keys()], [NORTH]);
  await strike(s);
});

test('a read that was under way when its cluster was taken away says nothing more about it', async () => {
  const s = await stage();
  s.link.faults.readsLateMs = 500;
  s.west.publish(recordsOf({ shop: 2 }), 'availability');
  await s.clock.advance(10);
  await clusterset.putRoster(
    s.link,
    clusterset.roster(2, (member) => (member.cluster === WEST ? undefined : member)),
  );
  await s.clock.advance(2_000);
  const last = s.reader.events.findLast((event) => 'cluster' in event && event.cluster === WEST);
  assert.equal(last?.kind, 'withdrawn');
  await strike(s);
});

test('a member that may no longer export a namespace keeps its last good and is named as refused', async () => {
  const s = await stage();
  const narrowed = clusterset.roster(2, (member) =>
    member.cluster === WEST ? { ...member, exportableNamespaces: ['other'] } : member,
  );
  await clusterset.putRoster(s.link, narrowed);
  await s.clock.advance(100);
  s.west.publish(recordsOf({ shop: 3 }), 'availability');
  await s.clock.advance(5_000);
  assert.equal(ready(s.reader, WEST), 1);
  assert.ok(s.reader.of('rejected').some(({ clause }) => clause === 'namespaces'));
  await strike(s);
});

test('a cluster that joined anew starts again at version one and is believed', async () => {
  const s = await stage();
  s.west.publish(recordsOf({ shop: 2 }), 'availability');
  await s.clock.advance(10);
  await s.west.close();
  const rejoined = clusterset.roster(2, (member) => (member.cluster === WEST ? { ...member, incarnation: 2 } : member));
  await clusterset.putRoster(s.link, rejoined);
  const again = await makeWriter(clusterset, { ...rim(s.clock, 8), store: s.westLink }, WEST, { incarnation: 2 });
  again.publish(recordsOf({ shop: 6 }), 'availability');
  await s.clock.advance(5_000);
  const head = s.reader.subscriber.views.get(WEST)?.head;
  assert.deepEqual([head?.incarnation, head?.version, ready(s.reader, WEST)], [2, 1, 6]);
  await again.close();
  await strike(s);
});

test('a store that withholds a newer roster is found out by the heads of those who have seen it', async () => {
  const s = await stage();
  s.west.withBeatInfo({ rosterSeen: 5, acks: {} });
  await s.clock.advance(15_000);
  assert.deepEqual(s.reader.of('rosterWithheld'), [
    { kind: 'rosterWithheld', withheld: { served: 1, seen: 5, by: WEST } },
  ]);
  assert.match(await s.reader.metrics.text(), /^isthmus_roster_withheld 1$/m);
  await clusterset.putRoster(s.link, clusterset.roster(5));
  await s.clock.advance(1_000);
  assert.deepEqual(s.reader.of('rosterWithheld').at(-1), { kind: 'rosterWithheld', withheld: undefined });
  await strike(s);
});

test('a listener that throws stops nothing', async () => {
  const s = await stage();
  const original = s.reader.events.push.bind(s.reader.events);
  let thrown = 0;
  s.reader.events.push = (...events) => {
    original(...events);
    thrown += 1;
    throw new Error('the listener failed');
  };
  s.west.publish(recordsOf({ shop: 2 }), 'availability');
  await s.clock.advance(4_000);
  assert.ok(thrown >= 2, 'the listener was called');
  assert.equal(ready(s.reader, WEST), 2);
  await strike(s);
});

test('a name that is no member of the roster is not even read', async () => {
  const s = await stage();
  const [stranger] = [parseClusterId('stranger')];
  const stored = s.shelf.clusters.get(WEST);
  assert.ok(stranger && stored, 'west is stored');
  s.link.calls.clear();
  s.shelf.clusters.set(stranger, stored);
  await s.clock.advance(10_000);
  assert.equal(s.link.calls.get('read'), undefined);
  assert.equal(s.reader.subscriber.views.has(stranger), false);
  await strike(s);
});

test("another cluster's head in a cluster's place is refused", async () => {
  const s = await stage();
  const [north, west] = [s.shelf.clusters.get(NORTH), s.shelf.clusters.get(WEST)];
  assert.ok(north && west, 'both are stored');
  s.westLink.faults.link = 'down';
  s.shelf.clusters.set(WEST, { ...north, order: { ...west.order, version: 99 } });
  await s.clock.advance(5_000);
  assert.equal(s.reader.subscriber.views.get(WEST)?.head.cluster, WEST);
  assert.ok(s.reader.of('rejected').some(({ clause }) => clause === 'cluster'));
  await strike(s);
});

test('the own head missing from the store is suspected, so that the publisher looks', async () => {
  const s = await stage();
  const own = await makeWriter(clusterset, { ...rim(s.clock, 9), store: s.westLink }, EAST);
  own.publish(recordsOf({}), 'availability');
  await s.clock.advance(100);
  assert.deepEqual(s.reader.of('ownHeadDoubt'), []);
  await own.close();
  s.shelf.clusters.delete(EAST);
  await s.clock.advance(3_000);
  assert.ok(s.reader.of('ownHeadDoubt').length >= 1);
  await strike(s);
});

test('a flood of hints that lead to nothing costs a few reads a second', async () => {
  const s = await stage();
  const head = s.shelf.clusters.get(WEST);
  assert.ok(head);
  const before = s.link.calls.get('changes') ?? 0;
  for (let ms = 0; ms < 1_000; ms++) {
    // Whoever may publish notices can name any cluster, with or without a head that claims a version out of reach.
    const claim = { order: { ...head.order, version: head.order.version + 1 + ms }, head: head.head };
    s.shelf.announce({ kind: 'cluster', cluster: WEST, head: ms % 2 === 0 ? claim : undefined });
    await s.clock.advance(1);
  }
  const reads = (s.link.calls.get('changes') ?? 0) - before;
  assert.ok(reads <= 6, `${reads} reads`);
  s.west.publish(recordsOf({ shop: 7 }), 'availability');
  await s.clock.advance(300);
  assert.equal(ready(s.reader, WEST), 7);
  await strike(s);
});

test('a flood of roster hints costs a few reads a second, and the newest roster is found all the same', async () => {
  const s = await stage();
  const before = s.link.calls.get('roster') ?? 0;
  for (let ms = 0; ms < 1_000; ms++) {
    s.shelf.announce({ kind: 'roster' });
    await s.clock.advance(1);
  }
  const reads = (s.link.calls.get('roster') ?? 0) - before;
  assert.ok(reads <= 6, `${reads} reads`);
  await clusterset.putRoster(s.link, clusterset.roster(2));
  await s.clock.advance(300);
  assert.equal(s.reader.follower.version, 2);
  await strike(s);
});

test('forged beats in hints do not make a peer look stale whose beats the store lists', async () => {
  const s = await stage();
  const startedMs = s.clock.monotonicMs();
  while (s.clock.monotonicMs() - startedMs < 30_000) {
    const stored = s.shelf.clusters.get(WEST);
    assert.ok(stored);
    const order = { ...stored.order, beat: stored.order.beat + 1_000 };
    s.shelf.announce({
      kind: 'cluster',
      cluster: WEST,
      head: { order, head: { ...stored.head, signature: new Uint8Array(64) } },
    });
    await s.clock.advance(10);
  }
  const beats = s.reader.of('beat').filter(({ cluster }) => cluster === WEST);
  const gaps = beats.map(({ atMonotonicMs }, index) => atMonotonicMs - (beats[index - 1]?.atMonotonicMs ?? startedMs));
  assert.ok(
    beats.length >= 6 && Math.max(...gaps) < HEAD_FRESH_MS,
    `beats after ${gaps.map(Math.round).join(', ')} ms`,
  );
  await strike(s);
});
