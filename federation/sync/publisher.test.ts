import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { type Logger, silentLogger } from '../../runtime/log.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { decodeHead } from '../model/head-codec.ts';
import { type Head, type HeadOrder, type SignedHead } from '../model/head.ts';
import { parseClusterId } from '../model/ids.ts';
import {
  ClustersetFixture,
  makeReader,
  makeWriter,
  recordsOf,
  type Rim,
  rim,
  type WriterOptions,
} from './clusterset.fixture.ts';
import type { Publisher } from './publisher.ts';
import { BEAT_INTERVAL_MS, WEIGHT_INTERVAL_MS } from './publish-pace.ts';
import { backUp, MemoryShelf, UnrulyStore } from './unruly-store.fixture.ts';

const EAST = parseClusterId('east');
const WEST = parseClusterId('west');
const clusterset = new ClustersetFixture(['east', 'west']);

interface Bench {
  readonly clock: ManualClock;
  readonly shelf: MemoryShelf;
  readonly components: Rim & { readonly store: UnrulyStore };
  readonly store: UnrulyStore;
  readonly writer: Publisher;
}

async function bench(
  { log = silentLogger, ...options }: WriterOptions & { readonly log?: Logger } = {},
  clock = new ManualClock(),
  shelf = new MemoryShelf(),
): Promise<Bench> {
  const store = new UnrulyStore({ clock, random: new SeededRandom(7) }, shelf);
  const components = { ...rim(clock), log, store };
  return { clock, shelf, components, store, writer: await makeWriter(clusterset, components, WEST, options) };
}

function headOf(written: { readonly head: SignedHead } | undefined): Head {
  assert.ok(written, 'something was written');
  const head = decodeHead(written.head.bytes);
  assert.ok(head.ok, 'the head decodes');
  return head.value;
}

function storedServices(shelf: MemoryShelf): readonly string[] {
  const keys = shelf.clusters.get(WEST)?.records.keys() ?? [];
  return [...keys].filter((key) => key.startsWith('service/')).sort();
}

function counted(text: string, name: string): number {
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

test('a change of availability goes out at once', async () => {
  const { clock, writer, store } = await bench();
  writer.publish(recordsOf({ shop: 2 }), 'availability');
  await clock.advance(0);
  assert.equal(store.commits().length, 1);
  writer.publish(recordsOf({ shop: 0 }), 'availability');
  await clock.advance(0);
  assert.equal(store.commits().length, 2);
  assert.deepEqual([...(store.commits()[1]?.puts.keys() ?? [])], ['service/default/shop']);
  await writer.close();
});

test('mere changes of weight go out at most once a second, as their newest state', async () => {
  const { clock, writer, store, shelf } = await bench();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  for (let ready = 2; ready <= 10; ready++) {
    writer.publish(recordsOf({ shop: ready }), 'weight');
    await clock.advance(WEIGHT_INTERVAL_MS / 20);
  }
  assert.equal(store.commits().length, 1);
  assert.equal(writer.status.pending, true);
  await clock.advance(WEIGHT_INTERVAL_MS);
  assert.equal(store.commits().length, 2);
  assert.equal(writer.status.pending, false);
  assert.deepEqual(
    shelf.clusters.get(WEST)?.records.get('service/default/shop'),
    recordsOf({ shop: 10 }).get('service/default/shop'),
  );
  await writer.close();
});

test('a change of availability takes a waiting change of weight along', async () => {
  const { clock, writer, store, shelf } = await bench();
  writer.publish(recordsOf({ shop: 1, cart: 1 }), 'availability');
  await clock.advance(0);
  writer.publish(recordsOf({ shop: 2, cart: 1 }), 'weight');
  await clock.advance(1);
  writer.publish(recordsOf({ shop: 2 }), 'availability');
  await clock.advance(0);
  assert.equal(store.commits().length, 2);
  assert.deepEqual(storedServices(shelf), ['service/default/shop']);
  await writer.close();
});

test('publishing what is published already writes nothing', async () => {
  const { clock, writer, store } = await bench();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  assert.equal(store.commits().length, 1);
  await writer.close();
});

test('a beat every three seconds re-signs the version with a growing beat', async () => {
  const { clock, writer, store } = await bench();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  await clock.advance(4 * BEAT_INTERVAL_MS);
  const heads = store.written.map(headOf);
  assert.ok(heads.length >= 5, `${heads.length} heads`);
  assert.deepEqual(
    heads.map(({ beat }) => beat),
    heads.map((_, index) => index),
  );
  assert.deepEqual(new Set(heads.map(({ version }) => version)).size, 1);
  await writer.close();
});

test('an outage of any length costs one commit of the newest state when it ends', async () => {
  const { clock, writer, store, shelf } = await bench();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  store.faults.link = 'down';
  for (let round = 0; round < 50; round++) {
    writer.publish(recordsOf({ [`svc-${round}`]: 1 }), 'availability');
    await clock.advance(1_000);
  }
  assert.equal(writer.status.pending, true);
  assert.match(writer.status.lastError ?? '', /link is down/);
  store.faults.link = 'up';
  await clock.advance(5_000);
  assert.equal(store.commits().length, 2);
  assert.deepEqual(storedServices(shelf), ['service/default/svc-49']);
  assert.equal(writer.status.pending, false);
  await writer.close();
});

test('a store that takes calls and never answers is given up on after the deadline, and tried again', async () => {
  const { clock, writer, store, shelf } = await bench();
  store.faults.link = 'hung';
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(20_000);
  assert.match(writer.status.lastError ?? '', /did not answer read within 5000 ms/);
  store.faults.link = 'up';
  await clock.advance(15_000);
  assert.deepEqual(storedServices(shelf), ['service/default/shop']);
  await writer.close();
});

test('closing leaves the published state in place and ends even a call that hangs', async () => {
  const { clock, writer, store, shelf } = await bench();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  store.faults.link = 'hung';
  writer.publish(recordsOf({}), 'availability');
  await clock.advance(0);
  await writer.close();
  assert.deepEqual(storedServices(shelf), ['service/default/shop']);
});

test('a writer that is overtaken under its own identity asks whether its folder was copied', async () => {
  for (const [writerId, asks] of [
    ['west-0', true],
    ['west-1', false],
  ] as const) {
    const hints: unknown[] = [];
    const { clock, writer, components } = await bench({
      log: { ...silentLogger, warn: (_, fields) => void hints.push(fields?.['hint']) },
    });
    writer.publish(recordsOf({ shop: 1 }), 'availability');
    await clock.advance(0);
    const clone = await makeWriter(clusterset, components, WEST, { epoch: 2, writerId });
    clone.publish(recordsOf({ shop: 3 }), 'availability');
    await clock.advance(10_000);
    assert.deepEqual(
      hints.map((hint) => /was the state folder.* copied/.test(String(hint))),
      [asks],
    );
  }
});

test('a writer that finds a higher epoch in the store stops writing and says so once', async () => {
  const fenced: HeadOrder[] = [];
  const { clock, writer, store, components } = await bench({ onFenced: (stored) => fenced.push(stored) });
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  const successor = await makeWriter(clusterset, components, WEST, { epoch: 2, writerId: 'west-1' });
  successor.publish(recordsOf({ shop: 3 }), 'availability');
  await clock.advance(0);
  writer.publish(recordsOf({ shop: 9 }), 'availability');
  await clock.advance(10_000);
  assert.equal(fenced.length, 1);
  assert.equal(fenced[0]?.epoch, 2);
  assert.equal(writer.status.fenced, true);
  assert.ok(
    store
      .commits()
      .slice(1)
      .every(({ order }) => order.epoch === 2),
    'only the successor wrote',
  );
  await Promise.all([writer.close(), successor.close()]);
});

test('a successor continues above the stored version, removes what its predecessor left, and writes only what differs', async () => {
  const first = await bench();
  first.writer.publish(recordsOf({ shop: 1, cart: 1, old: 1 }), 'availability');
  await first.clock.advance(0);
  await first.writer.close();
  const second = await bench({ epoch: 2 }, first.clock, first.shelf);
  second.writer.publish(recordsOf({ shop: 1, cart: 2 }), 'availability');
  await second.clock.advance(0);
  const [commit] = second.store.commits();
  assert.equal(headOf(commit).version, 2);
  assert.deepEqual([...(commit?.puts.keys() ?? [])], ['service/default/cart']);
  assert.deepEqual(commit?.deletes, ['service/default/old']);
  await second.writer.close();
});

test('an emptied store is filled again by its writers within seconds, with the very head they had signed', async () => {
  const { clock, writer, shelf, components, store } = await bench();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  shelf.clusters.clear();
  await clock.advance(BEAT_INTERVAL_MS);
  assert.deepEqual(storedServices(shelf), ['service/default/shop']);
  const [first, again] = store.commits().map(headOf);
  assert.deepEqual([again?.version, again?.digest], [first?.version, first?.digest]);
  assert.equal(counted(await components.metrics.text(), 'isthmus_store_rollback_detected_total'), 1);
  await writer.close();
});

test('a store restored from a back-up is brought forward again, without what the back-up held on to', async () => {
  const { clock, writer, shelf } = await bench();
  writer.publish(recordsOf({ shop: 1, doomed: 1 }), 'availability');
  await clock.advance(0);
  const restore = backUp(shelf);
  writer.publish(recordsOf({ shop: 2, fresh: 1 }), 'availability');
  await clock.advance(0);
  restore();
  writer.checkSoon();
  await clock.advance(500);
  assert.deepEqual(storedServices(shelf), ['service/default/fresh', 'service/default/shop']);
  await writer.close();
});

test('records that the store lost under an intact head are found by the audit and written again', async () => {
  const { clock, writer, shelf, components } = await bench();
  writer.publish(recordsOf({ shop: 1, cart: 1 }), 'availability');
  await clock.advance(1_000);
  const stored = shelf.clusters.get(WEST);
  assert.ok(stored, 'it was published');
  const records = new Map(stored.records);
  records.delete('service/default/cart');
  shelf.clusters.set(WEST, { ...stored, records });
  await clock.advance(31_000);
  assert.deepEqual(storedServices(shelf), ['service/default/cart', 'service/default/shop']);
  assert.equal(counted(await components.metrics.text(), 'isthmus_store_damage_detected_total'), 1);
  await writer.close();
});

test('a commit whose answer was lost leaves no record behind that no head accounts for', async () => {
  const { clock, writer, store, shelf, components } = await bench();
  await clusterset.putRoster(store, clusterset.roster(1));
  const reader = await makeReader(clusterset, { ...rim(clock, 5), store: new UnrulyStore(components, shelf) }, EAST);
  reader.subscriber.start();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(10);
  store.faults.answersLost = 1;
  writer.publish(recordsOf({ shop: 1, brief: 1 }), 'availability');
  await clock.advance(10);
  store.faults.answersLost = 0;
  writer.publish(recordsOf({ shop: 2 }), 'availability');
  await clock.advance(5_000);
  assert.deepEqual(storedServices(shelf), ['service/default/shop']);
  assert.deepEqual([...(reader.subscriber.views.get(WEST)?.services.keys() ?? [])], ['default/shop']);
  assert.deepEqual(reader.of('rejected'), []);
  await Promise.all([writer.close(), reader.subscriber.close()]);
});

test('a commit that takes effect after it was given up, and after the store was read again, is found and undone', async () => {
  const { clock, writer, store, shelf } = await bench();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(1_000);
  Object.assign(store.faults, { commitsLateMs: 2_600, readsLateMs: 600 });
  writer.publish(recordsOf({ shop: 1, brief: 1 }), 'availability');
  await clock.advance(50);
  // The next commit is prompt again, and overtakes nothing: the late one lands just before it.
  store.faults.commitsLateMs = 0;
  writer.publish(recordsOf({ shop: 2 }), 'availability');
  await clock.advance(2_560);
  assert.ok(storedServices(shelf).includes('service/default/brief'), 'the late commit has landed');
  await clock.advance(3_000);
  assert.deepEqual(storedServices(shelf), ['service/default/shop']);
  await writer.close();
});

test('a renewed signing key goes out with its chain in one commit that readers accept', async () => {
  const { clock, writer, store, shelf, components } = await bench();
  await clusterset.putRoster(store, clusterset.roster(1));
  const reader = await makeReader(clusterset, { ...rim(clock, 5), store: new UnrulyStore(components, shelf) }, EAST);
  reader.subscriber.start();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(10);
  const { key, chain } = clusterset.issueSigner(WEST);
  writer.renewKey(key, chain);
  await clock.advance(10);
  const [, renewal] = store.commits();
  assert.equal(renewal?.puts.size, 1);
  assert.equal(renewal?.deletes.length, 1);
  assert.equal(reader.subscriber.views.get(WEST)?.head.version, 2);
  assert.deepEqual(reader.of('rejected'), []);
  await Promise.all([writer.close(), reader.subscriber.close()]);
});

test('acknowledgements ride on an early beat of the same version', async () => {
  const { clock, writer, store } = await bench();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  writer.withBeatInfo({ rosterSeen: 7, acks: { 'rotation-1': 'done' } });
  await clock.advance(600);
  const head = headOf(store.written.at(-1));
  assert.deepEqual([head.version, head.rosterSeen, head.acks], [1, 7, { 'rotation-1': 'done' }]);
  await writer.close();
});

test('no order is ever signed over two different contents, whatever happens to the answers', async () => {
  const { clock, writer, store, shelf } = await bench();
  store.faults.answersLost = 0.4;
  store.faults.delayMsMax = 1_500;
  for (let round = 0; round < 60; round++) {
    writer.publish(recordsOf({ shop: round, [`s-${round % 5}`]: 1 }), round % 3 === 0 ? 'availability' : 'weight');
    await clock.advance(700);
  }
  const byOrder = new Map<string, string>();
  for (const head of store.written.map(headOf)) {
    const order = `${head.epoch}/${head.version}`;
    assert.equal(byOrder.get(order) ?? head.digest, head.digest, `two digests under ${order}`);
    byOrder.set(order, head.digest);
  }
  Object.assign(store.faults, { answersLost: 0, delayMsMax: 0 });
  await clock.advance(10_000);
  assert.deepEqual(storedServices(shelf), ['service/default/s-4', 'service/default/shop']);
  await writer.close();
});

test('a doubt that comes up while a look is under way is not put to rest by the answer to that look', async () => {
  const { clock, writer, store, shelf } = await bench();
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(2_000);
  store.faults.readsLateMs = 1_000;
  const calls = store.calls.get('changes') ?? 0;
  while ((store.calls.get('changes') ?? 0) === calls) await clock.advance(50);
  // The server is started again meanwhile, and comes back with the head and without a record.
  const stored = shelf.clusters.get(WEST);
  assert.ok(stored);
  shelf.clusters.set(WEST, { ...stored, records: new Map([...stored.records].filter(([key]) => !/shop/.test(key))) });
  writer.checkSoon();
  await clock.advance(100);
  store.faults.readsLateMs = 0;
  await clock.advance(5_000);
  assert.deepEqual(storedServices(shelf), ['service/default/shop']);
  await writer.close();
});
