import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseClusterId, parseNetworkId } from '../federation/model/ids.ts';
import { importFilter } from '../federation/model/imports.ts';
import { EMPTY_LOCAL_VIEW, type LocalService } from '../federation/model/local.ts';
import type { ClusterView } from '../federation/model/state.ts';
import {
  exampleChain,
  exampleGateway,
  exampleService,
  exampleView,
  LIVE,
} from '../federation/model/testing/records.fixture.ts';
import { VoidToken } from '../gateway-config/ir.ts';
import { DOMAIN, makeClusterset, WEST } from '../trust/clusterset.fixture.ts';
import { type Derived, derive } from './derive.ts';
import type { World } from './world.ts';

/** Whatever changed, working it out from the last result gives what working it out anew would give. */
const { roster: joined } = makeClusterset();
const EAST = parseClusterId('east');
const EDGE = parseClusterId('edge');
const roster = {
  ...joined,
  members: [
    ...joined.members,
    ...joined.members.filter((one) => one.cluster === WEST).map((one) => ({ ...one, cluster: EDGE })),
  ],
};

const START: World = {
  site: {
    cluster: EAST,
    network: parseNetworkId('a'),
    clustersetDomain: DOMAIN,
    softwareVersion: '0.1.0',
    gatewaySet: 'default',
    eastWest: { address: '0.0.0.0', port: 15_443 },
    egressAddress: '127.0.0.1',
  },
  gateways: [exampleGateway()],
  local: EMPTY_LOCAL_VIEW,
  roster,
  views: new Map(),
  health: new Map(),
  unhealthy: new Set(),
  addresses: new Map(),
  ports: new Map(),
  voidToken: new VoidToken('0'.repeat(64)),
  chain: exampleChain(),
};

const NAMES = ['cart', 'web', 'db', 'queue'];
const service = fc.record({
  name: fc.constantFrom(...NAMES),
  tcp: fc.boolean(),
  port: fc.constantFrom(80, 81),
  ready: fc.nat(2),
});
const services = fc.uniqueArray(service, { selector: ({ name }) => name });
type Services = readonly { name: string; tcp: boolean; port: number; ready: number }[];

function recordsOf(list: Services) {
  return list.map(({ name, tcp, port, ready }) =>
    exampleService({
      namespace: 'shop',
      name,
      ports: [{ name: 'p', protocol: 'TCP', port, appProtocol: tcp ? 'tcp' : 'http' }],
      ready: [{ port, ready }],
    }),
  );
}

/** As the subscriber has it: what did not change is the same object. */
function viewOf(name: string, list: Services, before: ClusterView | undefined): ClusterView {
  const view = exampleView(name, recordsOf(list));
  const kept = [...view.services].map(([key, record]) => {
    const old = before?.services.get(key);
    return [key, JSON.stringify(old) === JSON.stringify(record) && old !== undefined ? old : record] as const;
  });
  return {
    ...view,
    info: before?.info ?? view.info,
    gateways: before?.gateways ?? view.gateways,
    services: new Map(kept),
  };
}

function localOf(list: Services): World['local'] {
  const all = recordsOf(list).map((record): LocalService => {
    const { kind: _kind, ready: _ready, ...rest } = record;
    const port = record.ports[0]?.port ?? 80;
    const endpoints = [{ address: '10.0.0.1', ports: { [port]: 8080 }, ready: true }];
    return {
      ...rest,
      key: `shop/${record.name}` as LocalService['key'],
      exported: record.ready[0]?.ready !== 0,
      endpoints,
    };
  });
  return { services: new Map(all.map((one) => [one.key, one])) };
}

type Step = (world: World) => World;
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constantFrom(WEST, EDGE), services).map(
    ([cluster, list]): Step =>
      (world) => {
        return { ...world, views: new Map(world.views).set(cluster, viewOf(cluster, list, world.views.get(cluster))) };
      },
  ),
  services.map(
    (list): Step =>
      (world) => ({ ...world, local: localOf(list) }),
  ),
  fc.constantFrom(WEST, EDGE).map(
    (cluster): Step =>
      (world) => {
        const gone = { liveness: { ...LIVE, verdict: 'Gone' as const }, serving: false };
        const next = world.health.get(cluster)?.serving === false ? { liveness: LIVE, serving: true } : gone;
        return { ...world, health: new Map(world.health).set(cluster, next) };
      },
  ),
  fc.constantFrom<readonly string[] | undefined>(undefined, ['shop'], ['shop/web'], []).map(
    (list): Step =>
      (world) => {
        return { ...world, imports: importFilter(list) };
      },
  ),
  fc.constantFrom('shop/web:80', 'shop/db:81').map(
    (port): Step =>
      (world) => {
        const entry = `${port}|10.0.0.1:8080`;
        return { ...world, unhealthy: new Set(world.unhealthy.has(entry) ? [] : [entry]) };
      },
  ),
  fc.constantFrom('active' as const, 'quarantined' as const).map(
    (status): Step =>
      (world) => {
        const members = world.roster.members.map((one) => (one.cluster === WEST ? { ...one, status } : one));
        return { ...world, roster: { ...world.roster, members } };
      },
  ),
);

function shown({ state, ir, snapshot, own }: Derived): unknown {
  const resources = [...snapshot.resources].map(([type, all]) => [
    type,
    [...all.values()].map((one) => [one.name, one.version]),
  ]);
  return { services: [...state.services], ir, resources, records: [...own.records.keys()].sort() };
}

test('working a change out from the last result gives what working everything out anew gives', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      let world = START;
      let derived = derive(world);
      for (const one of steps) {
        world = one(world);
        derived = derive(world, derived);
        assert.deepEqual(shown(derived), shown(derive({ ...world, ports: derived.ports })));
      }
    }),
    { numRuns: 60 },
  );
});
