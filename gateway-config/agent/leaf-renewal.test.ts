import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { edsCluster, endpoints, snapshotOf, tlsListener } from './envoy-resources.fixture.ts';
import {
  eventually,
  freePort,
  listen,
  makeFolder,
  startAgent,
  startController,
  TestAuthority,
  WAIT_MS,
} from './site.fixture.ts';

function handshake(port: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => resolve(socket));
    socket.once('error', reject);
  });
}

function ask(socket: TLSSocket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (data: Buffer) => resolve(data.toString()));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.write(text);
  });
}

test('certificates are renewed with new keys under an open connection, which lives on', async () => {
  await using made = new AsyncDisposableStack();
  const folder = made.use(await makeFolder());
  const echo = createServer((socket) => void socket.pipe(socket));
  const echoPort = await listen(echo);
  made.defer(() => new Promise<void>((resolve) => echo.close(() => resolve())));
  const port = await freePort();
  const snapshot = snapshotOf(edsCluster('echo'), endpoints('echo', echoPort), tlsListener('tls', port, 'echo'));
  const socketPath = join(folder.path, 'c.sock');
  const controller = made.use(
    await startController({ socketPath, authority: new TestAuthority(), snapshot, renewAfterMs: 400 }),
  );
  const agent = made.use(await startAgent({ controllerSocket: socketPath, stateDir: join(folder.path, 'g') }));
  await agent.live(AbortSignal.timeout(WAIT_MS));

  const held = await handshake(port);
  made.defer(() => void held.destroy());
  assert.equal(await ask(held, 'before'), 'before');
  const keys = new Set<string>();
  await eventually(async () => {
    const socket = await handshake(port);
    keys.add(socket.getPeerCertificate().pubkey?.toString('hex') ?? '');
    socket.destroy();
    return keys.size >= 3;
  });
  assert.equal(await ask(held, 'after'), 'after');
  assert.ok(controller.leavesSigned >= 3);
});

test('the key is in no file of the agent', async () => {
  await using made = new AsyncDisposableStack();
  const folder = made.use(await makeFolder());
  const socketPath = join(folder.path, 'c.sock');
  const snapshot = snapshotOf(edsCluster('one'), endpoints('one', 1));
  made.use(await startController({ socketPath, authority: new TestAuthority(), snapshot }));
  const stateDir = join(folder.path, 'g');
  const agent = await startAgent({ controllerSocket: socketPath, stateDir });
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await agent.close();
  // Envoy's admin socket may outlive it by a moment; a socket holds nothing.
  const entries = await readdir(stateDir, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  assert.ok(files.includes('last-config') && files.includes('envoy.json'));
  for (const file of files) {
    assert.ok(!(await readFile(join(stateDir, file), 'latin1')).includes('PRIVATE KEY'), file);
  }
});
