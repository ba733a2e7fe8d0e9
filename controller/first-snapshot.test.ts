import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ClusterId, parseClusterId } from '../federation/model/ids.ts';
import type { RecordSet } from '../federation/model/records.ts';
import { exampleGateway } from '../federation/model/testing/records.fixture.ts';
import type { Store } from '../federation/store/contract.ts';
import { MemoryShelf, MemoryStore } from '../federation/store/memory.ts';
import { recordsOf } from '../federation/sync/clusterset.fixture.ts';
import { LastGood } from '../federation/sync/last-good.ts';
import { Marks } from '../federation/sync/marks.ts';
import { Publisher } from '../federation/sync/publisher.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { SystemRandom } from '../runtime/random.ts';
import { API_VERSION } from '../sources/documents/validate.ts';
import { encodeBase64 } from '../trust/base64.ts';
import { DOMAIN, EAST, makeClusterset, makeMember, rosterMember, WEST } from '../trust/clusterset.fixture.ts';
import { signRoster } from '../trust/roster.ts';
import { SITE_SCHEMA } from './config/site-schema.ts';
import { toSiteConfig } from './config/site.ts';
import { Controller } from './controller.ts';
import { saveSiteTrust } from './site-trust.ts';
import { stateFolder } from './state-folder.ts';

/** What a controller with an empty or a refused disk tells its gateways first, over stores that answer at their own pace. */
const components = {
  clock: new SystemClock(),
  random: new SystemRandom(),
  log: silentLogger,
  metrics: new Metrics(),
};
const NORTH = parseClusterId('north');
/** Shorter than what a start gathers news for. */
const SLOW_MS = 250;

interface Stage {
  readonly stateDir: string;
  readonly shelf: MemoryShelf;
}

/** East is to start; west has published one service; north is a member and has never published. */
async function stage(t: TestContext): Promise<Stage> {
  const stateDir = await mkdtemp(join(tmpdir(), 'isthmus-first-'));
  t.after(() => rm(stateDir, { recursive: true, force: true }));
  const nowMs = components.clock.epochMs();
  const clusterset = makeClusterset(nowMs);
  const { root, rootKey, east, west } = clusterset;
  const north = makeMember(NORTH, { key: rootKey, certificate: root }, nowMs);
  const members = [east, north, west].map((member) => rosterMember(member, nowMs));
  const rosterBytes = signRoster(rootKey, { ...clusterset.roster, members });
  await saveSiteTrust(stateFolder(stateDir), { caKey: east.caKey, clusterCa: east.ca, roots: [root], rosterBytes });
  const shelf = new MemoryShelf();
  const store = new MemoryStore(components, { shelf });
  await store.putRoster({ version: 1, bytes: rosterBytes });
  const published = Promise.withResolvers<void>();
  const { marks } = await Marks.load(components);
  const publisher = new Publisher(
    { ...components, store, marks },
    {
      cluster: WEST,
      incarnation: 1,
      writerId: 'west-0',
      epoch: 1,
      initialVersion: 0,
      key: west.controllerKey,
      chain: { kind: 'chain', certificates: west.chain.map(encodeBase64) },
      onFenced: () => undefined,
      onPublished: () => published.resolve(),
    },
  );
  publisher.publish(recordsOf({ shop: 1 }), 'availability');
  await published.promise;
  await publisher.close();
  return { stateDir, shelf };
}

/** @returns the peers that the gateways are told of first */
async function firstTold(t: TestContext, { stateDir, shelf }: Stage, slow: keyof Store): Promise<readonly ClusterId[]> {
  const document = SITE_SCHEMA.parse({
    apiVersion: API_VERSION,
    kind: 'Site',
    metadata: { name: EAST },
    spec: { clusterset: DOMAIN, network: 'lan', store: ['memory:quick', 'memory:slow'], stateDir },
  });
  const shelves = new Map([
    ['memory:quick', shelf],
    ['memory:slow', new MemoryShelf()],
  ]);
  const controller = await Controller.start(
    toSiteConfig(document, (_field, path) => path),
    {
      ...components,
      lookup: () => Promise.resolve([]),
      openStore: (url) => {
        const store = new MemoryStore(components, { shelf: shelves.get(url) ?? new MemoryShelf() });
        return Promise.resolve(url === 'memory:slow' ? slowed(store, slow) : store);
      },
    },
  );
  try {
    assert.equal(controller.firstSync.complete, false);
    const told = Promise.withResolvers<readonly ClusterId[]>();
    t.mock.method(controller.xds, 'setSnapshot', () => told.resolve([...controller.engine.derived.state.peers.keys()]));
    return await told.promise;
  } finally {
    await controller.close();
  }
}

function slowed(store: Store, method: keyof Store): Store {
  return new Proxy(store, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (key === method) await components.clock.sleep(SLOW_MS);
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

test('what was read while another store took its time to list is in the first snapshot', async (t) => {
  assert.deepEqual(await firstTold(t, await stage(t), 'heads'), [WEST]);
});

test('a peer whose state on disk is refused is waited for, and read from the store first', async (t) => {
  const s = await stage(t);
  const kept = s.shelf.clusters.get(WEST);
  assert.ok(kept);
  const lastGood = new LastGood(components, { dir: stateFolder(s.stateDir).lastGood });
  // Refused by the roster in force, as after a rotation of west's CA that this site was down for.
  const signed = { ...kept.head, signature: new Uint8Array(64) };
  for (const cluster of [WEST, NORTH]) {
    lastGood.keep({ cluster, signed, records: kept.records, acceptedAtMs: components.clock.epochMs() });
  }
  await lastGood.close();
  assert.deepEqual(await firstTold(t, s, 'roster'), [WEST]);
});

test('a restart in the dark serves at once, though one member has never published anything', async (t) => {
  const { stateDir, shelf } = await stage(t);
  const document = SITE_SCHEMA.parse({
    apiVersion: API_VERSION,
    kind: 'Site',
    metadata: { name: EAST },
    spec: { clusterset: DOMAIN, network: 'lan', store: ['memory:one'], stateDir },
  });
  const config = toSiteConfig(document, (_field, path) => path);
  const started = (store: Store): Promise<Controller> =>
    Controller.start(config, {
      ...components,
      lookup: () => Promise.resolve([]),
      openStore: () => Promise.resolve(store),
    });
  const first = await started(new MemoryStore(components, { shelf }));
  while (!first.firstSync.complete) await components.clock.sleep(10);
  await first.close();
  const dark = new MemoryStore(components, { shelf });
  await dark[Symbol.asyncDispose]();
  const second = await started(dark);
  try {
    assert.equal(second.firstSync.complete, true);
    assert.deepEqual([...second.engine.derived.state.peers.keys()], [WEST]);
  } finally {
    // Before the folder goes, in which it writes.
    await second.close();
  }
});

test('what a quick store confirms is told as it was published, though the rest of the change is still to be worked out', async (t) => {
  const { stateDir, shelf } = await stage(t);
  const document = SITE_SCHEMA.parse({
    apiVersion: API_VERSION,
    kind: 'Site',
    metadata: { name: EAST },
    spec: { clusterset: DOMAIN, network: 'lan', store: ['memory:one'], stateDir },
  });
  const controller = await Controller.start(
    toSiteConfig(document, (_field, path) => path),
    {
      ...components,
      lookup: () => Promise.resolve([]),
      openStore: () => Promise.resolve(new MemoryStore(components, { shelf })),
    },
  );
  try {
    const next = (): Promise<RecordSet> =>
      new Promise((resolve) => {
        const undo = controller.onPublished.add((records) => {
          undo();
          resolve(records);
        });
      });
    await next();
    const told = next();
    controller.engine.update({ gateways: [exampleGateway()] });
    const gateways = [...(await told).keys()].filter((key) => key.startsWith('gateway/'));
    assert.equal(gateways.length, 1);
  } finally {
    await controller.close();
  }
});
