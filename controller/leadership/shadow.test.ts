import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseClusterId, parseNetworkId, type ServicePortKey } from '../../federation/model/ids.ts';
import { EMPTY_LOCAL_VIEW } from '../../federation/model/local.ts';
import { exampleChain, exampleService, exampleView, LIVE } from '../../federation/model/testing/records.fixture.ts';
import { MemoryShelf, MemoryStore } from '../../federation/store/memory.ts';
import { Marks } from '../../federation/sync/marks.ts';
import { VoidToken } from '../../gateway-config/ir.ts';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { DOMAIN, makeClusterset, WEST } from '../../trust/clusterset.fixture.ts';
import { Engine } from '../engine.ts';
import { Shadow } from './shadow.ts';

const { roster } = makeClusterset();
const cluster = parseClusterId('east');

/** A follower that has worked out the ports of what west exports by itself. */
async function follower(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-shadow-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const clock = new ManualClock();
  const components = { clock, log: silentLogger, metrics: new Metrics() };
  const engine = new Engine(components, {
    world: {
      site: {
        cluster,
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
      views: new Map([[WEST, exampleView('west', [exampleService()])]]),
      health: new Map([[WEST, { liveness: LIVE, serving: true }]]),
      unhealthy: new Set(),
      addresses: new Map(),
      ports: new Map(),
      voidToken: new VoidToken('0'.repeat(64)),
      chain: exampleChain(),
    },
    onOwnRecords: () => undefined,
    onSnapshot: () => undefined,
    onDerived: () => undefined,
  });
  t.after(() => engine.close());
  const store = new MemoryStore({ clock }, { shelf: new MemoryShelf() });
  const { marks } = await Marks.load(components);
  const ports = join(folder, 'ports.json');
  const shadow = new Shadow({ ...components, engine, store, marks }, { cluster, roster: () => roster, ports });
  const write = (table: Readonly<Record<string, number>>): Promise<void> => writeFile(ports, JSON.stringify(table));
  return { engine, shadow, write };
}

test('the ports that the leader gave out take the place of one’s own, also in what gateways get', async (t) => {
  const { engine, shadow, write } = await follower(t);
  const [[service = ''] = []] = engine.derived.ports;
  const before = engine.derived.snapshot;
  await write({ [service]: 20_123, 'gone/from-here:80': 20_124 });
  await shadow.learn();
  assert.equal(engine.derived.ports.get(service as ServicePortKey), 20_123); // a key of that very table
  assert.equal(engine.derived.ports.get('gone/from-here:80' as ServicePortKey), 20_124);
  assert.notEqual(engine.derived.snapshot, before);
});

test('of a table that says nothing new nothing is worked out', async (t) => {
  const { engine, shadow, write } = await follower(t);
  await write(Object.fromEntries(engine.derived.ports));
  const before = engine.derived;
  await shadow.learn();
  assert.equal(engine.derived, before);
});

test('without a table, or with one that cannot be read, one’s own stays', async (t) => {
  const { engine, shadow } = await follower(t);
  const before = engine.derived;
  await shadow.learn();
  assert.equal(engine.derived, before);
});
