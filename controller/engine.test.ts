import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId, parseNetworkId } from '../federation/model/ids.ts';
import { EMPTY_LOCAL_VIEW } from '../federation/model/local.ts';
import {
  exampleChain,
  exampleGateway,
  exampleService,
  exampleView,
  LIVE,
} from '../federation/model/testing/records.fixture.ts';
import type { ClusterView } from '../federation/model/state.ts';
import { VoidToken } from '../gateway-config/ir.ts';
import { ManualClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { DOMAIN, makeClusterset, WEST } from '../trust/clusterset.fixture.ts';
import { derive } from './derive.ts';
import { Engine, type EngineInit } from './engine.ts';
import type { World } from './world.ts';

const { roster } = makeClusterset();

const world: World = {
  site: {
    cluster: parseClusterId('east'),
    network: parseNetworkId('a'),
    clustersetDomain: DOMAIN,
    softwareVersion: '0.1.0',
    gatewaySet: 'default',
    eastWest: { address: '0.0.0.0', port: 15_443 },
    egressAddress: '127.0.0.1',
  },
  gateways: [],
  local: EMPTY_LOCAL_VIEW,
  roster,
  views: new Map(),
  health: new Map([[WEST, { liveness: LIVE, serving: true }]]),
  unhealthy: new Set(),
  addresses: new Map(),
  ports: new Map(),
  voidToken: new VoidToken('0'.repeat(64)),
  chain: exampleChain(),
};
const west = exampleView('west', [exampleService()]);

function started(init: Partial<EngineInit> = {}) {
  const clock = new ManualClock();
  const snapshots: unknown[] = [];
  const engine = new Engine(
    { clock, log: silentLogger, metrics: new Metrics() },
    {
      world,
      onOwnRecords: () => undefined,
      onSnapshot: (snapshot) => void snapshots.push(snapshot),
      onDerived: () => undefined,
      ...init,
    },
  );
  return { clock, engine, snapshots };
}

test('a world that did not change is worked out to the very same values', () => {
  const first = derive({ ...world, views: new Map([[WEST, west]]) });
  const second = derive({ ...first.world }, first);
  assert.equal(second.snapshot, first.snapshot);
  assert.equal(second.state, first.state);
  assert.equal(second.ports, first.ports);
});

test('a peer that the roster quarantines contributes nothing, whatever is kept of it', () => {
  const members = roster.members.map((member) => {
    return member.cluster === WEST ? { ...member, status: 'quarantined' as const } : member;
  });
  const before = derive({ ...world, views: new Map([[WEST, west]]) });
  assert.equal(before.state.peers.size, 1);
  assert.equal(derive({ ...before.world, roster: { ...roster, members } }, before).state.peers.size, 0);
});

test('an imported port keeps its gateway port when the peer goes and comes', () => {
  const first = derive({ ...world, views: new Map([[WEST, west]]) });
  const without = derive({ ...first.world, views: new Map() }, first);
  const again = derive({ ...without.world, views: new Map([[WEST, west]]) }, without);
  assert.deepEqual([...again.ports], [...first.ports]);
  assert.equal(first.ports.size, 1);
});

test('changes of one moment make one snapshot', async () => {
  const { clock, engine, snapshots } = started();
  await clock.advance(1_000);
  engine.withView(west);
  engine.update({ health: new Map(world.health) });
  await clock.advance(100);
  assert.equal(snapshots.length, 1);
});

test('what waits for its turn can be worked out at once, and is not worked out again', async () => {
  const { clock, engine, snapshots } = started();
  engine.withView(west);
  engine.settle();
  assert.equal(engine.derived.state.peers.size, 1);
  await clock.advance(100);
  assert.equal(snapshots.length, 1);
});

test('data that cannot be worked out leave the last result in force, and the next good data heal it', async () => {
  const { clock, engine } = started();
  engine.withView(west);
  await clock.advance(100);
  const before = engine.derived;
  // Not a view at all: stands for whatever nobody thought of.
  engine.withView({ cluster: WEST } as unknown as ClusterView);
  await clock.advance(100);
  assert.equal(engine.derived, before);
  assert.notEqual(engine.failure, undefined);
  engine.withView(exampleView('west', []));
  await clock.advance(100);
  assert.deepEqual([engine.failure, engine.derived.state.services.size], [undefined, 0]);
});

test('before gateways can be programmed, clusters that are read one by one are worked out together', async () => {
  let gathering = true;
  let derivations = -1;
  const { clock, engine } = started({ isGathering: () => gathering, onDerived: () => void (derivations += 1) });
  for (let version = 1; version <= 100; version += 1) {
    engine.withView({ ...west, head: { ...west.head, version } });
    await clock.advance(10);
  }
  assert.equal(derivations, 0);
  gathering = false;
  engine.settle();
  assert.equal(derivations, 1);
  assert.equal(engine.derived.state.peers.get(WEST)?.view.head.version, 100);
});

test('a change of what this cluster itself publishes does not wait for the clusters that are being read', async () => {
  const published: unknown[] = [];
  const { clock, engine } = started({
    isGathering: () => true,
    onOwnRecords: (records) => void published.push(records),
  });
  engine.withView(west);
  await clock.advance(10);
  engine.update({ gateways: [exampleGateway()] });
  await clock.advance(10);
  assert.equal(published.length, 1);
});

test('what the other clusters wait for is told before the rest is worked out, and once', async () => {
  const told: string[] = [];
  const { clock, engine } = started({
    onOwnRecords: () => void told.push('records'),
    onDerived: () => void told.push('derived'),
  });
  await clock.advance(1_000);
  told.splice(0);
  engine.update({ gateways: [exampleGateway()] });
  await clock.advance(0);
  assert.deepEqual(told, ['records']);
  // Whoever takes office now publishes these.
  assert.notEqual(engine.ownRecords, engine.derived.own.records);
  await clock.advance(100);
  assert.deepEqual(told, ['records', 'derived']);
  assert.equal(engine.ownRecords, engine.derived.own.records);
});

test('what is asked for while the rest still waits is whole', async () => {
  const told: string[] = [];
  const { clock, engine, snapshots } = started({ onOwnRecords: () => void told.push('records') });
  engine.update({ gateways: [exampleGateway()] });
  await clock.advance(0);
  engine.withView(west);
  engine.settle();
  assert.equal(engine.derived.own.records, engine.ownRecords);
  assert.equal(engine.derived.state.services.size, 1);
  await clock.advance(100);
  assert.deepEqual([told.length, snapshots.length], [1, 1]);
});

test('a cluster that is never read does not hide the others for longer than a few seconds', async () => {
  const { clock, engine } = started({ isGathering: () => true });
  engine.withView(west);
  await clock.advance(5_000);
  assert.equal(engine.derived.state.services.size, 1);
});
