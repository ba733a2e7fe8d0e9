import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { OWN_SECRET_WAIT_MS } from '../resources/settings.ts';
import { type Snapshot, TYPE_URL } from '../snapshot.ts';
import {
  badListener,
  edsCluster,
  endpoints,
  httpListener,
  route,
  snapshotOf,
  tcpListener,
  tlsListener,
  withResources,
} from './envoy-resources.fixture.ts';
import {
  eventually,
  freePort,
  GATEWAY,
  makeFolder,
  programmed,
  sentResources,
  startAgent,
  startController,
  TestAuthority,
  type TestController,
  WAIT_MS,
} from './site.fixture.ts';

/** Static stability: what a gateway does while its controller is away, and what it costs when that comes back. */
async function site() {
  await using made = new AsyncDisposableStack();
  const folder = made.use(await makeFolder());
  const port = await freePort();
  const snapshot = snapshotOf(edsCluster('one'), endpoints('one', 1), httpListener('web', port), route('web', 200));
  const authority = new TestAuthority();
  const socketPath = join(folder.path, 'c.sock');
  const stateDir = join(folder.path, 'g');
  let controller: TestController | undefined;
  const startServer = async (served: Snapshot, voidToken = 'a'.repeat(32)): Promise<TestController> => {
    controller = await startController({ socketPath, authority, snapshot: served, voidToken });
    return controller;
  };
  const stopServer = async (): Promise<void> => {
    await controller?.[Symbol.asyncDispose]();
    controller = undefined;
  };
  made.defer(stopServer);
  const startGateway = () => startAgent({ controllerSocket: socketPath, stateDir });
  const running = made.move();
  return {
    socketPath,
    stateDir,
    port,
    snapshot,
    startServer,
    stopServer,
    startGateway,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function answers(port: number): Promise<number | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status;
  } catch {
    // Refused: nothing listens yet.
    return undefined;
  }
}

test('after a restart of the controller with the same configuration no resource is sent again', async () => {
  await using s = await site();
  const first = await s.startServer(s.snapshot);
  await using agent = await s.startGateway();
  await agent.live(AbortSignal.timeout(WAIT_MS));
  const changed = withResources(
    s.snapshot,
    endpoints('one', 2),
    edsCluster('one', 400),
    route('web', 204),
    httpListener('web', s.port, 'web'),
  );
  await programmed(first, s.snapshot);
  first.server.setSnapshot(changed);
  await programmed(first, changed);
  await s.stopServer();
  await eventually(() => agent.server === 'cache');
  const second = await s.startServer(changed);
  await programmed(second, changed);
  assert.equal(await sentResources(second), 0);
  assert.equal(agent.server, 'controller');
});

test('what was removed while the controller was away is removed from envoy when it is back', async () => {
  await using s = await site();
  const more = withResources(
    s.snapshot,
    edsCluster('two'),
    endpoints('two', 1),
    tcpListener('tcp', await freePort(), 'two'),
  );
  const first = await s.startServer(more);
  await using agent = await s.startGateway();
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(first, more);
  await s.stopServer();
  const second = await s.startServer(s.snapshot);
  await programmed(second, s.snapshot);
  await eventually(async () => {
    const clusters = (await agent.admin.get('/clusters')).toString('utf8');
    const listeners = (await agent.admin.get('/listeners')).toString('utf8');
    return !clusters.includes('two::') && !listeners.includes('tcp::');
  });
});

test('a killed envoy comes back with its whole configuration while the controller is away', async () => {
  await using s = await site();
  const first = await s.startServer(s.snapshot);
  await using agent = await s.startGateway();
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(first, s.snapshot);
  await s.stopServer();
  await eventually(() => agent.server === 'cache');
  const pid = agent.envoyPid;
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGKILL');
  await eventually(() => agent.envoyPid !== undefined && agent.envoyPid !== pid);
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await eventually(async () => (await answers(s.port)) === 200);
  const second = await s.startServer(s.snapshot);
  await programmed(second, s.snapshot);
  assert.equal(await sentResources(second), 0);
});

test('agent and envoy start from disk while the controller is away, and take what changed when it is back', async () => {
  await using s = await site();
  const first = await s.startServer(s.snapshot);
  {
    await using agent = await s.startGateway();
    await agent.live(AbortSignal.timeout(WAIT_MS));
    await programmed(first, s.snapshot);
  }
  await s.stopServer();
  await using agent = await s.startGateway();
  await agent.live(AbortSignal.timeout(WAIT_MS));
  assert.equal(agent.server, 'cache');
  await eventually(async () => (await answers(s.port)) === 200);
  const changed = withResources(s.snapshot, route('web', 204));
  const second = await s.startServer(changed);
  await programmed(second, changed);
  assert.equal(await sentResources(second), 1);
  await eventually(async () => (await answers(s.port)) === 204);
});

test('started from disk without a controller, and so without a certificate, a gateway serves local traffic', async () => {
  await using s = await site();
  const tls = tlsListener('tls', await freePort(), 'one');
  const both = withResources(s.snapshot, tls);
  const first = await s.startServer(both);
  {
    await using agent = await s.startGateway();
    await agent.live(AbortSignal.timeout(WAIT_MS));
    await programmed(first, both);
  }
  await s.stopServer();
  await using _agent = await s.startGateway();
  await eventually(async () => (await answers(s.port)) === 200, OWN_SECRET_WAIT_MS * 3);
  const second = await s.startServer(both);
  await programmed(second, both);
});

test('with no controller and nothing kept there is no half-ready gateway', async () => {
  await using s = await site();
  const starting = s.startGateway();
  // It waits for its controller; that it comes up by itself, complete, shows that it did not come up empty.
  const controller = await s.startServer(s.snapshot);
  await using agent = await starting;
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await eventually(async () => (await answers(s.port)) === 200);
  assert.equal(controller.attached.length, 1);
});

test('a refused resource stays refused and held over a controller outage, and envoy keeps the old content', async () => {
  await using s = await site();
  const port = await freePort();
  const good = withResources(s.snapshot, tcpListener('tcp', port, 'one'));
  const first = await s.startServer(good);
  await using agent = await s.startGateway();
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(first, good);
  const bad = withResources(good, badListener('tcp'));
  first.server.setSnapshot(bad);
  await programmed(first, bad);
  await s.stopServer();
  await eventually(() => agent.server === 'cache');
  const pid = agent.envoyPid;
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGKILL');
  await eventually(() => agent.envoyPid !== undefined && agent.envoyPid !== pid);
  await agent.live(AbortSignal.timeout(WAIT_MS));
  assert.ok((await agent.admin.get('/listeners')).toString('utf8').includes(`127.0.0.1:${port}`));
  const second = await s.startServer(bad);
  await programmed(second, bad);
  assert.deepEqual(
    second.server.ledger.standing(GATEWAY, bad).refused.map(({ type, name }) => [type, name]),
    [[TYPE_URL.listener, 'tcp']],
  );
  assert.ok((await agent.admin.get('/listeners')).toString('utf8').includes(`127.0.0.1:${port}`));
});

test('a controller that accepts connections and says nothing does not keep a killed envoy down', async () => {
  await using s = await site();
  const first = await s.startServer(s.snapshot);
  await using agent = await s.startGateway();
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(first, s.snapshot);
  await s.stopServer();
  await eventually(() => agent.server === 'cache');
  const sockets = new Set<Socket>();
  const mute = createServer((socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => mute.listen(s.socketPath, () => resolve()));
  const pid = agent.envoyPid;
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGKILL');
  await eventually(() => agent.envoyPid !== undefined && agent.envoyPid !== pid);
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await eventually(async () => (await answers(s.port)) === 200);
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => mute.close(() => resolve()));
});

test('a controller that came back knows the gateway again', async () => {
  await using s = await site();
  await s.startServer(s.snapshot);
  await using agent = await s.startGateway();
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await s.stopServer();
  await eventually(() => agent.server === 'cache');
  const second = await s.startServer(s.snapshot);
  await eventually(() => second.attached.length === 1 && second.reports.length > 0);
});

test('when the controller says something new about the gateway, envoy starts again with it', async () => {
  await using s = await site();
  const first = await s.startServer(s.snapshot);
  await using agent = await s.startGateway();
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(first, s.snapshot);
  const pid = agent.envoyPid;
  await s.stopServer();
  const second = await s.startServer(s.snapshot, 'b'.repeat(32));
  await eventually(() => agent.envoyPid !== undefined && agent.envoyPid !== pid);
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(second, s.snapshot);
  const dump = (await agent.admin.get('/config_dump')).toString('utf8');
  assert.ok(!dump.includes('a'.repeat(32)));
});

test('an agent that is killed leaves no envoy behind, and the next one starts one that serves', async () => {
  await using s = await site();
  await s.startServer(s.snapshot);
  const program = join(import.meta.dirname, 'agent-process.fixture.ts');
  const killed = spawn(process.execPath, [program, s.socketPath, s.stateDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(killed.stdout, 'data')) as [Buffer]; // the process id of Envoy
  await eventually(async () => (await answers(s.port)) === 200);
  const exited = once(killed, 'exit');
  killed.kill('SIGKILL');
  await exited;
  await eventually(() => !existsSync(`/proc/${line.toString().trim()}/exe`));
  await using agent = await s.startGateway();
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await eventually(async () => (await answers(s.port)) === 200);
});
