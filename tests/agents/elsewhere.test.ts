/** What a user types to run a gateway on a host of its own: real processes, a real Envoy, TLS and a token between them. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { askController } from '../../cli/admin-client.ts';
import {
  folderOf,
  freePort,
  initArguments,
  isthmus,
  type Running,
  start,
  startController,
  until,
} from '../../cli/processes.fixture.ts';

/** Something to configure a gateway with: one of an empty site has nothing to keep. */
const SERVICE = `apiVersion: isthmus.dev/v1alpha1
kind: Service
metadata: {namespace: default, name: web}
spec:
  export: true
  ports: [{name: http, port: 80, appProtocol: http}]
  endpoints: [{address: 192.0.2.10, ports: {http: 8080}}]
`;

async function founded(t: TestContext) {
  const folder = await folderOf(t);
  const east = join(folder, 'east');
  const made = await isthmus(t, initArguments(east, await freePort()));
  assert.equal(made.code, 0, made.stderr);
  const xds = await freePort();
  const site = join(east, 'site.yaml');
  const text = await readFile(site, 'utf8');
  await writeFile(site, text.replace(/^ {2}listen:$/m, `  listen:\n    xds: 127.0.0.1:${xds}`));
  const services = join(folder, 'services.yaml');
  await writeFile(services, SERVICE);
  const startAgain = async (): Promise<Running> => {
    const running = start(t, ['controller', '--state-dir', east, '--services', services]);
    await running.untilSaid(/controller serves/);
    return running;
  };
  const controller = await startAgain();
  const token = await isthmus(t, ['token', 'create', '--gateway', 'gateway', '--state-dir', east]);
  assert.equal(token.code, 0, token.stderr);
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, token.stdout, { mode: 0o600 });
  return { folder, east, xds, controller, startAgain, tokenFile };
}

function gatewayArguments(
  s: { folder: string; east: string; xds: number; tokenFile: string },
  more: readonly string[] = [],
): readonly string[] {
  return [
    ...['gateway', 'run', '--controller', `localhost:${s.xds}`, '--token-file', s.tokenFile],
    ...['--controller-ca', join(s.east, 'trust', 'cluster-ca.pem'), '--state-dir', join(s.folder, 'gw'), ...more],
  ];
}

async function isProgrammed(stateDir: string): Promise<boolean> {
  // The controller is this program in another process.
  const list = (await askController(stateDir, '/v1/gateways')) as {
    items: readonly { status: { programmed?: { connected: boolean; pending: number } } }[];
  };
  return list.items.some(({ status: { programmed } }) => programmed?.connected === true && programmed.pending === 0);
}

test('a token and a certificate are all that a gateway on another host needs, and it says when it is ready', async (t) => {
  const s = await founded(t);
  const [health, metrics] = [await freePort(), await freePort()];
  const listens = ['--health-listen', `127.0.0.1:${health}`, '--metrics-listen', `127.0.0.1:${metrics}`];
  const gateway = start(t, gatewayArguments(s, listens));
  await until('the gateway is programmed', () => isProgrammed(s.east));
  const answer = async (path: string, port = health): Promise<readonly [number, string]> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, await response.text()];
  };
  await until('the gateway is ready', async () => (await answer('/readyz'))[0] === 200);
  const [, ready] = await answer('/readyz');
  assert.match(ready, /\[\+\] envoy: LIVE\n\[\+\] configuration: from controller\n\[\+\] certificate\nok/);
  assert.equal((await answer('/healthz'))[0], 200);
  const [, figures] = await answer('/metrics', metrics);
  assert.match(figures, /^isthmus_leaf_expiry_timestamp_seconds [0-9.e+]+$/m);
  assert.match(figures, /^envoy_server_live/m);
  await s.controller.end('SIGKILL');
  await until('the gateway serves from what it kept', async () => /from cache/.test((await answer('/readyz'))[1]));
  assert.equal((await answer('/readyz'))[0], 200);
  await s.startAgain();
  await until('the gateway is back', async () => /from controller/.test((await answer('/readyz'))[1]));
  assert.equal((await ended(gateway)).code, 0);
});

async function ended(running: Running): ReturnType<Running['end']> {
  return running.end('SIGTERM');
}

test('a gateway that waits for its controller lives and is not ready', async (t) => {
  const s = await founded(t);
  await s.controller.end('SIGTERM');
  const health = await freePort();
  const gateway = start(t, gatewayArguments(s, ['--health-listen', `127.0.0.1:${health}`]));
  await gateway.untilSaid(/controller is away and nothing is kept/);
  const status = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${health}${path}`)).status;
  assert.deepEqual([await status('/healthz'), await status('/readyz')], [200, 503]);
  assert.equal((await ended(gateway)).code, 0);
});

test('what does not go together is refused with what to do', async (t) => {
  const folder = await folderOf(t);
  const run = (...more: string[]) => isthmus(t, ['gateway', 'run', '--state-dir', folder, ...more]);
  for (const [said, ...flags] of [
    ['needs --controller-ca and --token-file', '--controller', 'localhost:15010'],
    ['told its --controller', '--token-file', 'token'],
    ['is not HOST:PORT', '--controller', 'localhost', '--controller-ca', 'a', '--token-file', 'b'],
    ['token cannot be used', '--controller', 'localhost:1', '--controller-ca', 'a', '--token-file', 'token'],
  ] as const) {
    const { code, stderr } = await run(...flags);
    assert.notEqual(code, 0);
    assert.ok(stderr.includes(said), stderr);
  }
  const both = await isthmus(t, ['token', 'create', '--cluster', 'west', '--gateway', 'one', '--state-dir', folder]);
  assert.equal(both.code, 2);
});

test('a token is made for gateways of the Site alone, with a warning where none can come', async (t) => {
  const folder = await folderOf(t);
  const east = join(folder, 'east');
  await isthmus(t, initArguments(east, await freePort()));
  await startController(t, east);
  const create = (name: string) => isthmus(t, ['token', 'create', '--gateway', name, '--state-dir', east]);
  const unknown = await create('nobody');
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.stderr, /the Site has no gateway nobody; it has: gateway/);
  const known = await create('gateway');
  assert.match(known.stdout, /^isthmus-gateway\.gateway\.[A-Za-z0-9_-]{43}\n$/);
  assert.match(known.stderr, /warning: .*spec\.listen\.xds/);
});
