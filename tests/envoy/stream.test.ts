/**
 * The resources as bytes, over the product's own stream: Envoy understands what was glued from fragments, and takes
 * every kind of change that a clusterset goes through without refusing a resource.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { resourcesOf, TYPE_URL } from '../../gateway-config/snapshot.ts';
import {
  GATEWAY,
  makeFolder,
  startAgent,
  startController,
  TestAuthority,
} from '../../gateway-config/agent/site.fixture.ts';
import { compile } from '../../gateway-config/compile.ts';
import { VoidToken } from '../../gateway-config/ir.ts';
import { toSnapshot } from '../../gateway-config/resources/resources.ts';
import type { LocalScenario, PeerScenario, Scenario } from '../../gateway-config/testing/scenario.fixture.ts';
import { compileInputOf, TEST_DOMAIN, TEST_GATEWAY_SET } from '../../gateway-config/testing/scenario.fixture.ts';
import { makeTrust } from './certificates.ts';
import { freePorts } from './free-ports.ts';
import { waitFor } from './wait.ts';

const TOKEN = 'void-token-of-the-stream-test';
const PORTS: Readonly<Record<string, string>> = { web: '80 http web', api: '9000 grpc rpc', db: '5432 tcp pg' };

/** Nothing listens there: this is about configuration. */
function peer(address: string, ready: number, change: Partial<PeerScenario> = {}): PeerScenario {
  const services = Object.entries(PORTS).map(([name, port]) => [
    `shop/${name}`,
    { ports: [port], ready: { [portOf(port)]: ready } },
  ]);
  return {
    network: 'net-x',
    gateways: [{ host: address, port: 9 }],
    services: Object.fromEntries(services),
    ...change,
  };
}

function portOf(text: string): number {
  return Number(text.split(' ')[0]);
}

function locals(pods: number): Record<string, LocalScenario> {
  const local = Object.entries(PORTS).map(([name, port]): [string, LocalScenario] => {
    const endpoints = Array.from({ length: pods }, (_, index) => ({
      address: `127.0.0.${index + 10}`,
      ports: { [portOf(port)]: 9 },
      ready: true,
    }));
    return [`shop/${name}`, { ports: [port], endpoints }];
  });
  return Object.fromEntries(local);
}

const STEPS: readonly (readonly [string, Partial<Scenario>])[] = [
  ['alone', { local: locals(2) }],
  ['the first peer joins', { local: locals(2), peers: { b: {} } }],
  ['it publishes', { local: locals(2), peers: { b: peer('127.0.0.2', 3) } }],
  ['a second peer joins', { local: locals(2), peers: { b: peer('127.0.0.2', 3), c: peer('127.0.0.3', 1) } }],
  ['own pods go', { local: locals(0), peers: { b: peer('127.0.0.2', 3), c: peer('127.0.0.3', 1) } }],
  ['a peer is unreachable', { peers: { b: peer('127.0.0.2', 3, { state: 'standby' }), c: peer('127.0.0.3', 1) } }],
  ['a peer is gone', { peers: { b: peer('127.0.0.2', 3, { state: 'gone' }), c: peer('127.0.0.3', 1) } }],
  [
    'a peer is cut off',
    { local: locals(1), peers: { b: peer('127.0.0.2', 3, { status: 'quarantined' }), c: peer('127.0.0.3', 1) } },
  ],
  [
    'it is back, with other gateways',
    { local: locals(1), peers: { b: peer('127.0.0.4', 3), c: peer('127.0.0.3', 1) } },
  ],
  ['all exports go', { peers: { b: peer('127.0.0.4', 3), c: peer('127.0.0.3', 1) } }],
  ['nobody serves', { peers: { b: peer('127.0.0.4', 0), c: peer('127.0.0.3', 0) } }],
  ['all peers go', { local: locals(1), peers: { b: { status: 'removed' }, c: { status: 'removed' } } }],
];

test('Envoy takes every step of a clusterset over the stream, and its listener holds what the fragments say', async () => {
  await using made = new AsyncDisposableStack();
  const folder = made.use(await makeFolder());
  const controllerSocket = join(folder.path, 'c.sock');
  const authority = new TestAuthority();
  const trust = makeTrust(['b', 'c'], TEST_DOMAIN, TEST_GATEWAY_SET);
  const [eastWest = 0, web = 0, api = 0, db = 0] = await freePorts(4);
  const frame = { domain: TEST_DOMAIN, anchors: trust.anchors, voidToken: new VoidToken(TOKEN) };
  const site: Scenario = {
    site: {
      cluster: 'a',
      network: 'net-a',
      eastWest: { address: '127.0.0.1', port: eastWest },
      egressAddress: '127.0.0.1',
    },
    ports: { 'shop/web:80': web, 'shop/api:9000': api, 'shop/db:5432': db },
  };
  const irOf = (change: Partial<Scenario>): ReturnType<typeof compile> =>
    compile(compileInputOf({ ...site, ...change }, frame));
  let ir = irOf(STEPS[0]?.[1] ?? {});
  let snapshot = toSnapshot(ir);
  const controller = made.use(
    await startController({ socketPath: controllerSocket, authority, snapshot, voidToken: TOKEN }),
  );
  const agent = made.use(await startAgent({ controllerSocket, stateDir: join(folder.path, 'g') }));
  const { server } = controller;
  await agent.live(AbortSignal.timeout(20_000));
  for (const [what, change] of STEPS) {
    const next = irOf(change);
    snapshot = toSnapshot(next, { ir, snapshot });
    ir = next;
    server.setSnapshot(snapshot);
    const standing = await waitFor(what, () => {
      const found = server.ledger.standing(GATEWAY, snapshot);
      return (found.pending === 0 || found.refused.length > 0) && found;
    });
    assert.deepEqual(standing.refused, [], what);
    if (what === 'a second peer joins') {
      const listener = (await agent.admin.get('/config_dump?resource=dynamic_listeners')).toString('utf8');
      for (const chain of ['http-b', 'tcp-b', 'http-c', 'tcp-c'])
        assert.ok(listener.includes(`"name": "${chain}"`), chain);
      for (const caller of ['b', 'c']) {
        for (const key of ['', '78a0474f35ff504c6e43039ab6aaedbc.']) {
          assert.ok(listener.includes(`"${key}${caller}.a.${TEST_DOMAIN}"`), `${key}${caller}`);
        }
      }
    }
  }
  assert.equal(resourcesOf(snapshot, TYPE_URL.listener).has('in'), false);
});
