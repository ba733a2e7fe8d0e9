import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { decodeHead } from '../model/head-codec.ts';
import type { Head, HeadOrder } from '../model/head.ts';
import { parseClusterId } from '../model/ids.ts';
import type { StoreList } from '../store/several.ts';
import { ClustersetFixture, makeWriter, recordsOf, rim, type Rim, type WriterOptions } from './clusterset.fixture.ts';
import type { Publisher } from './publisher.ts';
import { BEAT_INTERVAL_MS } from './publish-pace.ts';
import { backUp, MemoryShelf, UnrulyStore } from './unruly-store.fixture.ts';

/** One writer and two stores: one version and one head for both, and each store at its own pace. */
const WEST = parseClusterId('west');
const clusterset = new ClustersetFixture(['west']);

interface Bench {
  readonly clock: ManualClock;
  readonly components: Rim & { readonly store: StoreList };
  readonly old: UnrulyStore;
  readonly new: UnrulyStore;
  readonly shelves: { readonly old: MemoryShelf; readonly new: MemoryShelf };
  readonly writer: Publisher;
}

async function bench(options: WriterOptions = {}, seed = 7): Promise<Bench> {
  const clock = new ManualClock();
  const shelves = { old: new MemoryShelf(), new: new MemoryShelf() };
  const old = new UnrulyStore({ clock, random: new SeededRandom(seed) }, shelves.old);
  const fresh = new UnrulyStore({ clock, random: new SeededRandom(seed + 1) }, shelves.new);
  const store: StoreList = [
    { name: 'old', store: old },
    { name: 'new', store: fresh },
  ];
  const components = { ...rim(clock, seed), store };
  const writer = await makeWriter(clusterset, components, WEST, options);
  return { clock, components, old, new: fresh, shelves, writer };
}

function headsOf(store: UnrulyStore): readonly Head[] {
  return store.written.map(({ head }) => {
    const decoded = decodeHead(head.bytes);
    assert.ok(decoded.ok, 'the head decodes');
    return decoded.value;
  });
}

function storedServices(shelf: MemoryShelf): readonly string[] {
  const keys = shelf.clusters.get(WEST)?.records.keys() ?? [];
  return [...keys].filter((key) => key.startsWith('service/')).sort();
}

function storedHead(shelf: MemoryShelf): string | undefined {
  const stored = shelf.clusters.get(WEST);
  return stored === undefined ? undefined : Buffer.from(stored.head.bytes).toString();
}

test('both stores get the very same head, at a commit and at each beat', async () => {
  const b = await bench();
  b.writer.publish(recordsOf({ shop: 1 }), 'availability');
  await b.clock.advance(10);
  assert.ok(storedHead(b.shelves.old));
  assert.equal(storedHead(b.shelves.old), storedHead(b.shelves.new));
  await b.clock.advance(3 * BEAT_INTERVAL_MS);
  assert.equal(storedHead(b.shelves.old), storedHead(b.shelves.new));
  assert.ok((b.shelves.new.clusters.get(WEST)?.order.beat ?? 0) >= 3);
  await b.writer.close();
});

test('a store that hangs delays the other by nothing, and gets the newest state in one commit when it is back', async () => {
  const b = await bench();
  b.writer.publish(recordsOf({ shop: 0 }), 'availability');
  await b.clock.advance(10);
  b.old.faults.link = 'hung';
  for (let round = 1; round <= 20; round++) {
    b.writer.publish(recordsOf({ [`svc-${round}`]: 1 }), 'availability');
    await b.clock.advance(1);
    assert.deepEqual(storedServices(b.shelves.new), [`service/default/svc-${round}`]);
    await b.clock.advance(700);
  }
  assert.equal(b.writer.status.pending, false);
  assert.deepEqual(
    b.writer.status.stores.map(({ store, pending }) => [store, pending]),
    [
      ['old', true],
      ['new', false],
    ],
  );
  b.old.faults.link = 'up';
  const commits = b.old.commits().length;
  await b.clock.advance(6_000);
  assert.deepEqual(storedServices(b.shelves.old), ['service/default/svc-20']);
  assert.equal(b.old.commits().length, commits + 1);
  assert.equal(storedHead(b.shelves.old), storedHead(b.shelves.new));
  await b.writer.close();
});

test('a version is confirmed once, by the quickest store', async () => {
  const confirmed: HeadOrder[] = [];
  const b = await bench({ onPublished: (order) => confirmed.push(order) });
  b.writer.publish(recordsOf({ shop: 1 }), 'availability');
  await b.clock.advance(10);
  b.writer.publish(recordsOf({ shop: 0 }), 'availability');
  await b.clock.advance(10);
  assert.deepEqual(
    confirmed.map(({ version }) => version),
    [1, 2],
  );
  await b.writer.close();
});

test('a store that takes reads and refuses writes uses up no versions', async () => {
  const b = await bench();
  b.writer.publish(recordsOf({ shop: 1 }), 'availability');
  await b.clock.advance(10);
  b.old.commit = () => Promise.reject(new Error('OOM'));
  b.old.beat = () => Promise.reject(new Error('OOM'));
  b.writer.publish(recordsOf({ shop: 2 }), 'availability');
  await b.clock.advance(60_000);
  assert.equal(b.shelves.new.clusters.get(WEST)?.order.version, 2);
  assert.equal(b.writer.status.stores[0]?.lastError, 'OOM');
  await b.writer.close();
});

test('one store that went back is mended with the head that the other has', async () => {
  const b = await bench();
  b.writer.publish(recordsOf({ shop: 1, doomed: 1 }), 'availability');
  await b.clock.advance(10);
  const restore = backUp(b.shelves.old);
  b.writer.publish(recordsOf({ shop: 2, fresh: 1 }), 'availability');
  await b.clock.advance(10);
  restore();
  await b.clock.advance(BEAT_INTERVAL_MS);
  assert.deepEqual(storedServices(b.shelves.old), ['service/default/fresh', 'service/default/shop']);
  assert.equal(storedHead(b.shelves.old), storedHead(b.shelves.new));
  assert.equal(b.shelves.new.clusters.get(WEST)?.order.version, 2);
  await b.writer.close();
});

test('records lost under an intact head are mended under a new version, in every store', async () => {
  const b = await bench();
  b.writer.publish(recordsOf({ shop: 1, cart: 1 }), 'availability');
  await b.clock.advance(1_000);
  const stored = b.shelves.old.clusters.get(WEST);
  assert.ok(stored, 'it was published');
  const records = new Map(stored.records);
  records.delete('service/default/cart');
  b.shelves.old.clusters.set(WEST, { ...stored, records });
  await b.clock.advance(31_000);
  assert.deepEqual(storedServices(b.shelves.old), ['service/default/cart', 'service/default/shop']);
  for (const shelf of [b.shelves.old, b.shelves.new]) assert.equal(shelf.clusters.get(WEST)?.order.version, 2);
  await b.writer.close();
});

/** What a store may say without any head of ours that proves it. */
for (const [words, claim] of [
  ['a higher epoch', { epoch: 99 }],
  ['a later life of the cluster', { incarnation: 7 }],
  ['all versions that there are', { version: Number.MAX_SAFE_INTEGER - 1 }],
] as const) {
  test(`a store that claims ${words} without proof is written to no more, and stops nothing elsewhere`, async () => {
    const fenced: HeadOrder[] = [];
    const b = await bench({ onFenced: (stored) => fenced.push(stored) });
    b.writer.publish(recordsOf({ shop: 1 }), 'availability');
    await b.clock.advance(10);
    const stored = b.shelves.old.clusters.get(WEST);
    assert.ok(stored, 'it was published');
    b.shelves.old.clusters.set(WEST, { ...stored, order: { ...stored.order, ...claim } });
    for (let round = 2; round <= 6; round++) {
      b.writer.publish(recordsOf({ [`svc-${round}`]: 1 }), 'availability');
      await b.clock.advance(3_000);
      assert.deepEqual(storedServices(b.shelves.new), [`service/default/svc-${round}`]);
    }
    assert.deepEqual(fenced, []);
    assert.equal(b.writer.status.fenced, false);
    assert.ok(b.writer.status.stores[0]?.lastError, 'the store is named as broken');
    assert.ok((b.shelves.new.clusters.get(WEST)?.order.version ?? 0) < 1_000);
    // The claim is taken away: the store heals by itself.
    b.shelves.old.clusters.set(WEST, stored);
    await b.clock.advance(10_000);
    assert.deepEqual(storedServices(b.shelves.old), ['service/default/svc-6']);
    await b.writer.close();
  });
}

test('a successor that wrote to one store only fences the writer everywhere', async () => {
  const fenced: HeadOrder[] = [];
  const b = await bench({ onFenced: (stored) => fenced.push(stored) });
  b.writer.publish(recordsOf({ shop: 1 }), 'availability');
  await b.clock.advance(10);
  const successor = await makeWriter(clusterset, { ...rim(b.clock, 3), store: b.new }, WEST, { epoch: 2 });
  successor.publish(recordsOf({ shop: 5 }), 'availability');
  await b.clock.advance(10);
  b.writer.publish(recordsOf({ shop: 9 }), 'availability');
  await b.clock.advance(10_000);
  assert.deepEqual(
    fenced.map(({ epoch }) => epoch),
    [2],
  );
  const before = headsOf(b.old).length;
  await b.clock.advance(10_000);
  assert.equal(headsOf(b.old).length, before);
  await Promise.all([b.writer.close(), successor.close()]);
});

test('over any faults of two stores, a version stands for one content and an order for one head', async () => {
  const fault = fc.record({
    store: fc.constantFrom('old', 'new'),
    link: fc.constantFrom('up', 'down', 'hung'),
    answersLost: fc.constantFrom(0, 0.5),
    delayMsMax: fc.constantFrom(0, 1_500),
    forged: fc.constantFrom(0, 0.5),
    empty: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { minLength: 5, maxLength: 25 }), fc.nat(), async (faults, seed) => {
      const b = await bench({}, seed);
      for (const [round, { store, empty, ...rest }] of faults.entries()) {
        Object.assign(b[store].faults, rest);
        if (empty) b.shelves[store].clusters.clear();
        b.writer.publish(
          recordsOf({ shop: round, [`s-${round % 3}`]: 1 }),
          round % 2 === 0 ? 'availability' : 'weight',
        );
        await b.clock.advance(900);
      }
      const digests = new Map<string, string>();
      const heads = new Map<string, string>();
      for (const head of [...headsOf(b.old), ...headsOf(b.new)]) {
        const version = `${head.epoch}/${head.version}`;
        assert.equal(digests.get(version) ?? head.digest, head.digest, `two digests under ${version}`);
        digests.set(version, head.digest);
        const text = JSON.stringify(head);
        assert.equal(heads.get(`${version}/${head.beat}`) ?? text, text, `two heads under ${version}/${head.beat}`);
        heads.set(`${version}/${head.beat}`, text);
      }
      await b.writer.close();
    }),
    { numRuns: 40 },
  );
});
