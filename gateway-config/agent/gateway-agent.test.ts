import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { toPem } from '../../trust/certificates.ts';
import { TYPE_URL } from '../snapshot.ts';
import {
  anchor,
  badListener,
  edsCluster,
  endpoints,
  httpListener,
  route,
  snapshotOf,
  tcpListener,
  tlsListener,
  withResources,
  without,
} from './envoy-resources.fixture.ts';
import {
  freePort,
  GATEWAY,
  makeFolder,
  programmed,
  sentResources,
  startAgent,
  startController,
  TestAuthority,
  WAIT_MS,
} from './site.fixture.ts';

// Real Envoys behind the agent, a real controller's server in front of it.

/** What a hanging cluster update would take: Envoy's default initial fetch time-out. */
const ENVOY_STALL_MS = 15_000;

async function oneServiceSite() {
  await using made = new AsyncDisposableStack();
  const folder = made.use(await makeFolder());
  const controllerSocket = join(folder.path, 'c.sock');
  const port = await freePort();
  const snapshot = snapshotOf(edsCluster('one'), endpoints('one', 1), httpListener('web', port), route('web', 'one'));
  const authority = new TestAuthority();
  const controller = made.use(await startController({ socketPath: controllerSocket, authority, snapshot }));
  const agent = made.use(await startAgent({ controllerSocket, stateDir: join(folder.path, 'g') }));
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(controller, snapshot);
  const running = made.move();
  return { folder, port, snapshot, controller, agent, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

test('an envoy behind the agent gets everything, goes live and acknowledges every change', async () => {
  await using site = await oneServiceSite();
  const { snapshot, controller, agent } = site;
  assert.deepEqual(controller.server.ledger.standing(GATEWAY, snapshot), {
    gateway: GATEWAY,
    connected: true,
    programmed: 4,
    pending: 0,
    refused: [],
  });
  controller.server.setSnapshot(withResources(snapshot, endpoints('one', 2)));
  await programmed(controller, controller.server.snapshot);
  assert.equal(agent.server, 'controller');
  assert.equal(controller.attached[0]?.gateway, GATEWAY);
});

test('sockets and files of the agent are for its own user only', async () => {
  await using site = await oneServiceSite();
  for (const name of ['g/agent.sock', 'g/envoy.sock', 'g/envoy.json', 'c.sock']) {
    assert.equal((await stat(join(site.folder.path, name))).mode & 0o777, 0o600, name);
  }
});

test('a changed cluster does not hang, although its endpoints did not change, and later ones do not either', async () => {
  await using site = await oneServiceSite();
  const { snapshot, controller } = site;
  for (const timeoutMs of [300, 400, 500]) {
    controller.server.setSnapshot(
      withResources(snapshot, edsCluster('one', timeoutMs), edsCluster(`new-${timeoutMs}`)),
    );
    await programmed(controller, controller.server.snapshot, ENVOY_STALL_MS / 3);
  }
});

test('a route is acknowledged only after its new cluster and the endpoints of it', async () => {
  await using site = await oneServiceSite();
  const { snapshot, controller } = site;
  const order: string[] = [];
  controller.server.ledger.observe((event) => {
    if (event.kind === 'acknowledged')
      for (const [name] of event.versions) order.push(`${event.type.split('.').at(-1)} ${name}`);
  });
  controller.server.setSnapshot(withResources(snapshot, edsCluster('two'), endpoints('two', 1), route('web', 'two')));
  await programmed(controller, controller.server.snapshot);
  assert.deepEqual(order, ['Cluster two', 'ClusterLoadAssignment two', 'RouteConfiguration web']);
});

test('one bad listener is refused and held, everything beside it goes on', async () => {
  await using site = await oneServiceSite();
  const { snapshot, controller, agent } = site;
  const { ledger } = controller.server;
  const ports = [await freePort(), await freePort()] as const;
  const next = withResources(
    snapshot,
    tcpListener('good-1', ports[0], 'one'),
    badListener('bad'),
    tcpListener('good-2', ports[1], 'one'),
  );
  controller.server.setSnapshot(next);
  await programmed(controller, next);
  assert.deepEqual(
    ledger.standing(GATEWAY, next).refused.map(({ type, name }) => [type, name]),
    [[TYPE_URL.listener, 'bad']],
  );
  const refusals: string[] = [];
  ledger.observe((event) => {
    if (event.kind === 'refused') refusals.push(event.name);
  });
  const later = withResources(next, endpoints('one', 7), route('web', 503));
  controller.server.setSnapshot(later);
  await programmed(controller, later);
  assert.deepEqual(refusals, []);
  const listeners = (await agent.admin.get('/listeners')).toString('utf8');
  for (const port of ports) assert.ok(listeners.includes(`127.0.0.1:${port}`));
  const fixed = withResources(later, tcpListener('bad', await freePort(), 'one'));
  controller.server.setSnapshot(fixed);
  await programmed(controller, fixed);
  assert.deepEqual(ledger.standing(GATEWAY, fixed).refused, []);
});

test('what is removed leaves envoy', async () => {
  await using site = await oneServiceSite();
  const { snapshot, controller, agent } = site;
  const more = withResources(
    snapshot,
    edsCluster('two'),
    endpoints('two', 1),
    tcpListener('tcp', await freePort(), 'two'),
  );
  controller.server.setSnapshot(more);
  await programmed(controller, more);
  const { ledger } = controller.server;
  controller.server.setSnapshot(snapshot);
  await ledger.when(() => ledger.version(GATEWAY, TYPE_URL.cluster, 'two') === undefined, AbortSignal.timeout(WAIT_MS));
  const clusters = (await agent.admin.get('/clusters')).toString('utf8');
  assert.ok(clusters.includes('one::') && !clusters.includes('two::'));
});

test('a listener may take over the port of one that goes in the same change', async () => {
  await using site = await oneServiceSite();
  const { snapshot, controller } = site;
  const next = without(withResources(snapshot, tcpListener('heir', site.port, 'one')), TYPE_URL.listener, 'web');
  controller.server.setSnapshot(without(next, TYPE_URL.route, 'web'));
  await programmed(controller, controller.server.snapshot);
  assert.deepEqual(controller.server.ledger.standing(GATEWAY, controller.server.snapshot).refused, []);
});

test('an anchor comes with its listener, changes, goes with it and comes back', async () => {
  await using site = await oneServiceSite();
  const { snapshot, controller } = site;
  const { ledger } = controller.server;
  const listener = tlsListener('tls', await freePort(), 'one', 'anchor|west');
  const pems = [1, 2].map(() => toPem([new TestAuthority().clusterCa]));
  for (const pem of [...pems, ...pems]) {
    const next = withResources(snapshot, anchor('anchor|west', pem), listener);
    controller.server.setSnapshot(next);
    await programmed(controller, next, ENVOY_STALL_MS / 3);
    assert.deepEqual(ledger.standing(GATEWAY, next).refused, []);
    if (pem === pems[0]) continue;
    controller.server.setSnapshot(snapshot);
    const gone = (): boolean =>
      ledger.version(GATEWAY, TYPE_URL.secret, 'anchor|west') === undefined &&
      ledger.version(GATEWAY, TYPE_URL.listener, 'tls') === undefined;
    await ledger.when(gone, AbortSignal.timeout(ENVOY_STALL_MS / 3));
  }
});

test('a service that comes and goes faster than envoy follows ends as it is last, without a stall', async () => {
  await using site = await oneServiceSite();
  const { snapshot, controller, agent } = site;
  const port = await freePort();
  const there = (flap: number) =>
    withResources(snapshot, edsCluster('two', 250 + flap), endpoints('two', 1), tcpListener('two', port, 'two'));
  for (let flap = 0; flap < 40; flap++) {
    controller.server.setSnapshot(there(flap));
    if (flap % 3 === 0) await agent.admin.state();
    controller.server.setSnapshot(snapshot);
    if (flap % 5 === 0) await agent.admin.state();
  }
  const last = there(1_000);
  controller.server.setSnapshot(last);
  await programmed(controller, last, ENVOY_STALL_MS / 3);
  assert.deepEqual(controller.server.ledger.standing(GATEWAY, last).refused, []);
  const clusters = (await agent.admin.get('/clusters')).toString('utf8');
  assert.ok(clusters.includes('two::127.0.0.1:1::'));
});

test('when another replica leads, the gateway goes there, and of the same configuration nothing is sent again', async () => {
  await using site = await oneServiceSite();
  const { folder, snapshot, agent } = site;
  const leading = { name: 'a' };
  const turnedAway = (own: string) => (): string | undefined =>
    leading.name === own ? undefined : `not leader: ${leading.name} leads`;
  await using made = new AsyncDisposableStack();
  const authority = new TestAuthority();
  const paths = ['a', 'b'].map((name) => join(folder.path, `${name}.sock`));
  const [first = '', second = ''] = paths;
  const a = made.use(await startController({ socketPath: first, authority, snapshot, turnedAway: turnedAway('a') }));
  const b = made.use(await startController({ socketPath: second, authority, snapshot, turnedAway: turnedAway('b') }));
  await agent.close();
  const stateDir = join(folder.path, 'h');
  const moved = made.use(await startAgent({ controllerSocket: first, furtherSockets: [second], stateDir }));
  await moved.live(AbortSignal.timeout(WAIT_MS));
  await programmed(a, snapshot);
  const { envoyPid } = moved;
  leading.name = 'b';
  a.server.turnAway('not leader: b leads');
  await programmed(b, snapshot);
  assert.equal(await sentResources(b), 0);
  assert.equal(moved.envoyPid, envoyPid);
  assert.equal(b.attached.length, 1);
});

test('a gateway set without any cluster or listener goes live, not half an hour later', async () => {
  await using folder = await makeFolder();
  const controllerSocket = join(folder.path, 'c.sock');
  const snapshot = snapshotOf();
  await using _controller = await startController({
    socketPath: controllerSocket,
    authority: new TestAuthority(),
    snapshot,
  });
  await using agent = await startAgent({ controllerSocket, stateDir: join(folder.path, 'g') });
  await agent.live(AbortSignal.timeout(ENVOY_STALL_MS / 2));
});

test('a thousand clusters come, and one changed endpoint set among them is one resource', async () => {
  await using folder = await makeFolder();
  const controllerSocket = join(folder.path, 'c.sock');
  const names = Array.from({ length: 1_000 }, (_, index) => `c-${index}`);
  const snapshot = snapshotOf(...names.flatMap((name) => [edsCluster(name), endpoints(name, 1, 2)]));
  await using controller = await startController({
    socketPath: controllerSocket,
    authority: new TestAuthority(),
    snapshot,
  });
  await using agent = await startAgent({ controllerSocket, stateDir: join(folder.path, 'g') });
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(controller, snapshot);
  const before = await sentResources(controller);
  assert.equal(before, 2_000);
  controller.server.setSnapshot(withResources(snapshot, endpoints('c-500', 3)));
  await programmed(controller, controller.server.snapshot);
  assert.equal(await sentResources(controller), before + 1);
});
