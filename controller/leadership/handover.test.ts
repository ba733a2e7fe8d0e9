import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId, type ServiceKey, serviceKey } from '../../federation/model/ids.ts';
import type { HealthCheck, LocalService } from '../../federation/model/local.ts';
import { MemoryShelf, MemoryStore } from '../../federation/store/memory.ts';
import { ClustersetFixture, recordsOf } from '../../federation/sync/clusterset.fixture.ts';
import { Marks } from '../../federation/sync/marks.ts';
import { ManualClock, SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { Writer } from '../writer.ts';
import type { World } from '../world.ts';
import { Handover } from './handover.ts';

const EAST = parseClusterId('east');
const system = new SystemClock();
const fixture = new ClustersetFixture(['east'], system.epochMs());
const TCP: HealthCheck = { type: 'tcp', intervalMs: 1_000, timeoutMs: 500 };

/** A replica in office, with what it was told so far; its world has one service, with or without a check. */
function replica(store: MemoryStore, healthCheck?: HealthCheck) {
  const clock = new ManualClock();
  const heard = Promise.withResolvers<void>();
  const adopted: (readonly [string, number])[] = [];
  const key = serviceKey('default', 'web');
  // Of a service only its check matters here, and of the world only its services.
  const local = { services: new Map([[key, { key, healthCheck } as LocalService]]) };
  const world = { local } as Partial<World> as World;
  const handover = new Handover(
    {
      store,
      clock,
      log: silentLogger,
      desk: { heard: heard.promise },
      engine: { world, settle: () => undefined },
      source: {
        adoptFirstSeen: async (times: ReadonlyMap<ServiceKey, number>) => void adopted.push(...times),
      },
    },
    { cluster: EAST, roster: () => fixture.roster(1), hasGateways: true },
  );
  const known = { is: false };
  const done = handover.untilKnown(new AbortController().signal).then(() => {
    known.is = true;
  });
  return { clock, heard, adopted, known, done };
}

function openStore(): MemoryStore {
  return new MemoryStore({ clock: system }, { shelf: new MemoryShelf() });
}

async function publish(store: MemoryStore): Promise<void> {
  const components = { clock: system, random: new SystemRandom(), log: silentLogger, metrics: new Metrics() };
  const { marks } = await Marks.load(components);
  const { key, chain } = fixture.signer(EAST);
  const writer = new Writer(
    { ...components, store, marks },
    {
      cluster: EAST,
      writerId: 'a.1',
      roster: () => fixture.roster(1),
      signing: () => ({ key, chain: [], record: chain, notAfterMs: 0 }),
      records: () => recordsOf({ web: 1 }),
    },
  );
  writer.begin({ transitions: 1 });
  while ((await store.read(EAST)) === undefined) await system.sleep(2);
  await writer.close();
}

test('a new leader takes over since when services are exported, from what the one before it signed', async () => {
  const store = openStore();
  await publish(store);
  const { adopted, done } = replica(store);
  await done;
  assert.deepEqual(
    adopted.map(([service]) => service),
    ['default/web'],
  );
  assert.equal(typeof adopted[0]?.[1], 'number');
});

test('nothing is taken over from a store that shows what the cluster has not signed', async () => {
  const store = openStore();
  const order = { incarnation: 1, epoch: 1, writerId: 'x', version: 1, beat: 0 };
  const head = { bytes: new Uint8Array([1]), signature: new Uint8Array(64), signerChain: 'a'.repeat(64) };
  await store.commit({ cluster: EAST, order, head, puts: recordsOf({ web: 1 }), deletes: [] });
  const { adopted, done } = replica(store);
  await done;
  assert.deepEqual(adopted, []);
});

test('with checked endpoints a gateway’s report is waited for before anything is called ready', async () => {
  const { clock, heard, known, done } = replica(openStore(), TCP);
  await clock.advance(1_900);
  assert.equal(known.is, false);
  heard.resolve();
  await done;
});

test('a gateway that says nothing is not waited for longer than a head stays fresh', async () => {
  const { clock, known, done } = replica(openStore(), TCP);
  await clock.advance(1_900);
  assert.equal(known.is, false);
  await clock.advance(100);
  await done;
});
