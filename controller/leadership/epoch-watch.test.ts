import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId } from '../../federation/model/ids.ts';
import { MemoryShelf, MemoryStore } from '../../federation/store/memory.ts';
import { ClustersetFixture, recordsOf } from '../../federation/sync/clusterset.fixture.ts';
import { Marks } from '../../federation/sync/marks.ts';
import { ManualClock, SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { Writer } from '../writer.ts';
import { EpochWatch } from './epoch-watch.ts';

const EAST = parseClusterId('east');
const clock = new SystemClock();
const components = { clock, random: new SystemRandom(), log: silentLogger, metrics: new Metrics() };
const fixture = new ClustersetFixture(['east'], clock.epochMs());

function openStore(): MemoryStore {
  return new MemoryStore({ clock }, { shelf: new MemoryShelf() });
}

/** Writes as the leader of term `transitions` would, until the store has it. */
async function lead(store: MemoryStore, transitions: number): Promise<number> {
  const { marks } = await Marks.load(components);
  const { key, chain } = fixture.signer(EAST);
  const writer = new Writer(
    { ...components, store, marks },
    {
      cluster: EAST,
      writerId: `r.${transitions}`,
      roster: () => fixture.roster(1),
      signing: () => ({ key, chain: [], record: chain, notAfterMs: 0 }),
      records: () => recordsOf({ web: 1 }),
    },
  );
  writer.begin({ transitions });
  while ((await store.read(EAST))?.order.writerId !== `r.${transitions}`) await clock.sleep(2);
  await writer.close();
  return (await store.read(EAST))?.order.epoch ?? 0;
}

test('a follower that saw the epoch of its leader goes above it, also when the store has been emptied since', async () => {
  const store = openStore();
  const leaders = await lead(store, 40);
  const { marks } = await Marks.load(components);
  const watch = new EpochWatch({ ...components, store, marks }, { cluster: EAST, roster: () => fixture.roster(1) });
  await watch.look();
  assert.equal(marks.own.epoch, leaders);
});

test('a follower notices a new leader, and looks no more often than it has to', async () => {
  const store = openStore();
  const manual = new ManualClock();
  const { marks } = await Marks.load(components);
  const watch = new EpochWatch(
    { ...components, clock: manual, store, marks },
    { cluster: EAST, roster: () => fixture.roster(1) },
  );
  await lead(store, 3);
  await watch.look();
  const second = await lead(store, 9);
  await watch.look();
  assert.ok(marks.own.epoch < second);
  await manual.advance(5_000);
  await watch.look();
  assert.equal(marks.own.epoch, second);
});

test('an epoch that the cluster has not signed is no epoch', async () => {
  const store = openStore();
  const order = { incarnation: 1, epoch: 1_000, writerId: 'x', version: 1, beat: 0 };
  const head = { bytes: new Uint8Array([1]), signature: new Uint8Array(64), signerChain: 'a'.repeat(64) };
  await store.commit({ cluster: EAST, order, head, puts: new Map(), deletes: [] });
  const { marks } = await Marks.load(components);
  const watch = new EpochWatch({ ...components, store, marks }, { cluster: EAST, roster: () => fixture.roster(1) });
  await watch.look();
  assert.equal(marks.own.epoch, 0);
});

test('each time in office has an epoch above the one before, and the number of the lease is the least', async () => {
  const store = openStore();
  assert.equal(await lead(store, 7), 8);
  assert.equal(await lead(store, 2), 9);
});
