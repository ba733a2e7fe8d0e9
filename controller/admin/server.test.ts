import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request, type RequestOptions } from 'node:http';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock, SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { type AdminParts, adminRoutes, type Answer } from './routes.ts';
import { AdminListenError, AdminServer, type AdminServerInit } from './server.ts';
import { SocketError } from './unix-socket.ts';

const PARTS: AdminParts = {
  healthz: () => [{ name: 'loop', ok: true }],
  readyz: () => [
    { name: 'sources', ok: true, message: '2 files keep their last good' },
    { name: 'xds', ok: false, message: 'not listening' },
  ],
  metrics: () => Promise.resolve('isthmus_build_info 1\n'),
  debug: {
    state: () =>
      new Map([
        ['b', 1],
        ['a', 2],
      ]),
  },
  api: {
    clusters: () => ({ kind: 'ClusterList', items: [] }),
    broken: () => {
      throw new Error('TOPSECRET detail');
    },
  },
};

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-admin-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function started(
  t: TestContext,
  init: Partial<AdminServerInit> = {},
): Promise<{ server: AdminServer; socketPath: string }> {
  const socketPath = init.socketPath ?? join(await folderOf(t), 'admin.sock');
  const server = new AdminServer(
    { clock: new SystemClock(), log: silentLogger },
    { routes: adminRoutes(PARTS), ...init, socketPath },
  );
  t.after(() => server.close());
  await server.start();
  return { server, socketPath };
}

async function ask(
  where: RequestOptions,
  path: string,
  method = 'GET',
): Promise<{ status: number; body: string; headers: IncomingMessage['headers'] }> {
  const asked = request({ ...where, path, method, agent: false });
  asked.end();
  // The event carries one response.
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), headers: response.headers };
}

test('only the owner may use the socket', async (t) => {
  const { socketPath } = await started(t);
  assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
});

test('the socket answers everything, sorted', async (t) => {
  const { socketPath } = await started(t);
  assert.deepEqual((await ask({ socketPath }, '/debug/state')).body, '{\n  "a": 2,\n  "b": 1\n}\n');
  assert.deepEqual(JSON.parse((await ask({ socketPath }, '/v1/clusters?x=1')).body), {
    kind: 'ClusterList',
    items: [],
  });
  assert.equal((await ask({ socketPath }, '/metrics')).body, 'isthmus_build_info 1\n');
});

test('health says line by line what is and what is not', async (t) => {
  const { socketPath } = await started(t);
  assert.deepEqual((({ status, body }) => [status, body])(await ask({ socketPath }, '/healthz')), [
    200,
    '[+] loop\nok\n',
  ]);
  assert.deepEqual((({ status, body }) => [status, body])(await ask({ socketPath }, '/readyz')), [
    503,
    '[+] sources: 2 files keep their last good\n[-] xds: not listening\nnot ok\n',
  ]);
});

test('a TCP port shows what it is for and nothing else', async (t) => {
  const { server } = await started(t, {
    health: { host: '127.0.0.1', port: 0 },
    metrics: { host: '127.0.0.1', port: 0 },
  });
  const health = { host: '127.0.0.1', port: server.healthPort };
  const metrics = { host: '127.0.0.1', port: server.metricsPort };
  assert.equal((await ask(health, '/healthz')).status, 200);
  assert.equal((await ask(metrics, '/metrics')).status, 200);
  for (const path of ['/metrics', '/debug/state', '/v1/clusters', '/', '/constructor']) {
    assert.equal((await ask(health, path)).status, 404, path);
  }
  assert.equal((await ask(metrics, '/healthz')).status, 404);
});

test('only reading is possible', async (t) => {
  const { socketPath } = await started(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, headers } = await ask({ socketPath }, '/healthz', method);
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD']);
  }
  const head = await ask({ socketPath }, '/healthz', 'HEAD');
  assert.deepEqual([head.status, head.body], [200, '']);
  const withBody = await ask({ socketPath, headers: { 'content-length': '5' } }, '/healthz').catch(() => undefined);
  assert.ok(withBody === undefined || withBody.status === 413);
});

test('a route with an effect is reached by POST only, with its query', async (t) => {
  const effects: string[] = [];
  const answer = (query: URLSearchParams): Answer => {
    effects.push(query.get('cluster') ?? '');
    return { status: 200, type: 'application/json', body: '{}' };
  };
  const routes = { ...adminRoutes(PARTS), '/v1/tokens': { surfaces: ['socket'], method: 'POST', answer } } as const;
  const { socketPath } = await started(t, { routes });
  assert.deepEqual([(await ask({ socketPath }, '/v1/tokens?cluster=west', 'POST')).status, effects], [200, ['west']]);
  const { status, headers } = await ask({ socketPath }, '/v1/tokens?cluster=edge');
  assert.deepEqual([status, headers.allow, effects], [405, 'POST', ['west']]);
});

test('an error inside is not shown outside', async (t) => {
  const { socketPath } = await started(t);
  const { status, body } = await ask({ socketPath }, '/v1/broken');
  assert.equal(status, 500);
  assert.ok(!body.includes('TOPSECRET'));
});

test('endless headers are cut off', async (t) => {
  const { socketPath } = await started(t);
  const socket = connect(socketPath);
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write(`GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 431 /);
});

test('an answer that does not come in time is given up', async (t) => {
  const clock = new ManualClock();
  const socketPath = join(await folderOf(t), 'admin.sock');
  const routes = adminRoutes({ ...PARTS, metrics: () => new Promise(() => undefined) });
  const server = new AdminServer({ clock, log: silentLogger }, { routes, socketPath });
  t.after(() => server.close());
  await server.start();
  const answer = ask({ socketPath }, '/metrics');
  while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(5_000);
  assert.equal((await answer).status, 503);
});

test('the socket of a killed predecessor is taken over', async (t) => {
  const socketPath = join(await folderOf(t), 'admin.sock');
  const { execFile } = await import('node:child_process');
  const { promisify } = await import('node:util');
  // A process that ends without closing leaves its socket behind, like `kill -9` does.
  const script = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await assert.rejects(promisify(execFile)(process.execPath, ['-e', script]));
  assert.ok((await stat(socketPath)).isSocket());
  await started(t, { socketPath });
  assert.equal((await ask({ socketPath }, '/healthz')).status, 200);
});

test('the socket of a living controller is left alone', async (t) => {
  const { socketPath } = await started(t);
  await assert.rejects(
    started(t, { socketPath }),
    (error) => error instanceof SocketError && /another controller/.test(error.message),
  );
  assert.equal((await ask({ socketPath }, '/healthz')).status, 200);
});

test('a file at the path of the socket is left alone', async (t) => {
  const socketPath = join(await folderOf(t), 'admin.sock');
  await writeFile(socketPath, 'precious');
  await assert.rejects(started(t, { socketPath }), SocketError);
});

test('a path too long for a socket is named as such', async (t) => {
  await assert.rejects(started(t, { socketPath: `/tmp/${'x'.repeat(120)}.sock` }), /more than the 107 octets/);
});

test('a port in use is an error that says what to do, and leaves nothing listening', async (t) => {
  const taken = createServer();
  t.after(() => taken.close());
  await once(taken.listen(0, '127.0.0.1'), 'listening');
  const address = taken.address();
  assert.ok(address !== null && typeof address === 'object');
  const socketPath = join(await folderOf(t), 'admin.sock');
  await assert.rejects(started(t, { socketPath, health: { host: '127.0.0.1', port: address.port } }), AdminListenError);
  await assert.rejects(ask({ socketPath }, '/healthz'));
});

test('closing ends idle connections and takes the socket away', async (t) => {
  const { server, socketPath } = await started(t);
  const idle = connect(socketPath);
  await once(idle, 'connect');
  idle.on('error', () => undefined);
  const closed = once(idle, 'close');
  idle.resume();
  idle.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(idle, 'data');
  await server.close();
  await closed;
  await assert.rejects(stat(socketPath));
});
