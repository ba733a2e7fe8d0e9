import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { compareHeadOrder, type HeadOrder } from '../model/head.ts';
import { parseClusterId, serviceKey } from '../model/ids.ts';
import type { StoredCluster } from '../store/contract.ts';
import type { StoreList } from '../store/several.ts';
import { ClustersetFixture, makeReader, makeWriter, type Reader, recordsOf, rim } from './clusterset.fixture.ts';
import { backUp, MemoryShelf, UnrulyStore } from './unruly-store.fixture.ts';

/** Two stores, one of which does whatever it likes with what it was given: the other carries every change all the same. */
const EAST = parseClusterId('east');
const WEST = parseClusterId('west');
const SHOP = serviceKey('default', 'shop');
const clusterset = new ClustersetFixture(['east', 'west']);
const SEEDS = 30;
const ROUNDS = 12;
/** A second read is begun after 0.3 s; the rest is what the honest store's own way takes. */
const CARRIED_WITHIN_MS = 1_000;

/** What a hostile store does to what it holds of a cluster. */
const DEEDS: readonly (<T extends StoredCluster>(stored: T, random: SeededRandom) => T)[] = [
  // Claims that nothing proves.
  (stored) => ({ ...stored, order: { ...stored.order, epoch: stored.order.epoch + 99 } }),
  (stored) => ({ ...stored, order: { ...stored.order, incarnation: stored.order.incarnation + 1 } }),
  (stored) => ({ ...stored, order: { ...stored.order, version: stored.order.version + 1 } }),
  (stored) => ({ ...stored, order: { ...stored.order, version: Number.MAX_SAFE_INTEGER - 1 } }),
  (stored) => ({ ...stored, order: { ...stored.order, beat: stored.order.beat + 1_000_000 } }),
  // Octets that nobody signed.
  (stored, random) => ({ ...stored, head: { ...stored.head, bytes: flipped(stored.head.bytes, random) } }),
  (stored) => ({ ...stored, head: { ...stored.head, signature: new Uint8Array(64) } }),
  // Records that no head accounts for.
  (stored) => ({ ...stored, records: new Map([...stored.records].slice(1)) }),
  (stored) => ({ ...stored, records: new Map([...stored.records, ...recordsOf({ forged: 1 })]) }),
  (stored) => ({ ...stored, records: new Map() }),
];

function flipped(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = bytes.slice();
  const index = Math.floor(random.fraction() * copy.length);
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

function ready(reader: Reader): number | undefined {
  return reader.subscriber.views.get(WEST)?.services.get(SHOP)?.ready[0]?.ready;
}

/** One of its deeds, an old back-up put back, or nothing at all. */
function misbehave(shelf: MemoryShelf, restore: () => void, random: SeededRandom): void {
  const draw = Math.floor(random.fraction() * (DEEDS.length + 3));
  const [stored, deed] = [shelf.clusters.get(WEST), DEEDS[draw]];
  if (deed !== undefined && stored !== undefined) shelf.clusters.set(WEST, deed(stored, random));
  if (draw === DEEDS.length) restore();
  if (draw === DEEDS.length + 1) shelf.clusters.clear();
  if (draw === DEEDS.length + 2) shelf.roster = { version: 1_000, bytes: new Uint8Array(100) };
}

async function run(seed: number): Promise<number> {
  const clock = new ManualClock();
  const random = new SeededRandom(seed);
  const shelves = { hostile: new MemoryShelf(), honest: new MemoryShelf() };
  const list = (offset: number): { hostile: UnrulyStore; store: StoreList } => {
    const hostile = new UnrulyStore({ clock, random: new SeededRandom(seed + offset) }, shelves.hostile);
    const honest = new UnrulyStore({ clock, random: new SeededRandom(seed + offset + 1) }, shelves.honest);
    const first = { name: 'hostile', store: hostile };
    const second = { name: 'honest', store: honest };
    return { hostile, store: seed % 2 === 0 ? [first, second] : [second, first] };
  };
  const [reading, writing] = [list(1_000), list(2_000)];
  for (const { store } of reading.store) await clusterset.putRoster(store, clusterset.roster(1));
  const fenced: HeadOrder[] = [];
  const west = await makeWriter(clusterset, { ...rim(clock, seed), store: writing.store }, WEST, {
    onFenced: (stored) => fenced.push(stored),
  });
  const reader = await makeReader(clusterset, { ...rim(clock, seed + 5), store: reading.store }, EAST);
  reader.subscriber.start();
  west.publish(recordsOf({ shop: 0 }), 'availability');
  await clock.advance(CARRIED_WITHIN_MS);
  const restore = backUp(shelves.hostile);
  Object.assign(reading.hostile.faults, { forged: 0.5, hintsHeldBack: 0.3, hintsDoubled: 0.3 });
  for (let round = 1; round <= ROUNDS; round++) {
    misbehave(shelves.hostile, restore, random);
    west.publish(recordsOf({ shop: round }), 'availability');
    await clock.advance(CARRIED_WITHIN_MS);
    assert.equal(ready(reader), round, `seed ${seed}, round ${round}`);
    misbehave(shelves.hostile, restore, random);
    await clock.advance(random.fraction() * 4_000);
  }
  assert.deepEqual(fenced, [], `seed ${seed}: the writer was ended by a claim`);
  assert.ok(
    (shelves.honest.clusters.get(WEST)?.order.version ?? 0) < 10 * ROUNDS,
    `seed ${seed}: versions were used up`,
  );
  for (const kind of ['withdrawn', 'storeDown'] as const) assert.deepEqual(reader.of(kind), [], `seed ${seed}`);
  const orders = reader.of('view').map(({ view }) => view.head);
  assert.ok(orders.every((order, at) => at === 0 || compareHeadOrder(orders[at - 1] ?? order, order) <= 0));
  await Promise.all([west.close(), reader.subscriber.close()]);
  return reader.of('rejected').length;
}

test('whatever one store does with what it holds, every change comes through the other, and no writer is ended', async () => {
  let rejected = 0;
  for (let seed = 1; seed <= SEEDS; seed++) rejected += await run(seed);
  assert.ok(rejected > SEEDS, `${rejected} refusals: the hostile store was heard`);
});
