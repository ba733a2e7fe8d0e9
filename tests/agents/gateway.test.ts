/** A real Envoy and its agent, whose controllers are reached by TLS alone. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import type { ControllerTarget } from '../../gateway-config/agent/controller-target.ts';
import {
  edsCluster,
  endpoints,
  httpListener,
  route,
  snapshotOf,
  tlsListener,
  withResources,
} from '../../gateway-config/agent/envoy-resources.fixture.ts';
import {
  eventually,
  freePort,
  GATEWAY,
  listen,
  programmed,
  random,
  sentResources,
  startAgent,
  WAIT_MS,
} from '../../gateway-config/agent/site.fixture.ts';
import type { GatewayVerdict } from '../../trust/gateway-authenticator.ts';
import { makeGatewayToken } from '../../trust/gateway-token.ts';
import { RemoteSite, target } from './site.ts';

function httpSnapshot(port: number) {
  return snapshotOf(edsCluster('one'), endpoints('one', 1), httpListener('web', port), route('web', 200));
}

test('a gateway elsewhere is configured, its leaf rotates, and it reports', async () => {
  await using site = await RemoteSite.make();
  const backend = createServer((socket) => void socket.pipe(socket));
  const backendPort = await listen(backend);
  await using _closing = { [Symbol.asyncDispose]: async () => void backend.close() };
  const port = await freePort();
  const snapshot = snapshotOf(edsCluster('echo'), endpoints('echo', backendPort), tlsListener('tls', port, 'echo'));
  const controller = await site.controller({ snapshot, renewAfterMs: 400 });
  const agent = await site.agent(() => [target(controller)]);
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(controller, snapshot);
  assert.equal(agent.server, 'controller');
  const keys = new Set<string>();
  await eventually(async () => {
    keys.add(await shownKey(port));
    return keys.size >= 2;
  });
  await eventually(() => controller.reports.some(({ gateway, envoyLive }) => gateway === GATEWAY && envoyLive));
});

function shownKey(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().pubkey?.toString('hex') ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

test('when its controller is gone the other one takes the gateway over, and nothing is sent twice', async () => {
  await using site = await RemoteSite.make();
  const snapshot = httpSnapshot(await freePort());
  const leading = { name: 'a' };
  const turnedAway = (own: string) => (): string | undefined =>
    leading.name === own ? undefined : `not leader: ${leading.name} leads`;
  const a = await site.controller({ snapshot, turnedAway: turnedAway('a') });
  const b = await site.controller({ snapshot, turnedAway: turnedAway('b') });
  const targets = [a, b].map(target);
  const agent = await site.agent(() => targets);
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(a, snapshot);
  const { envoyPid } = agent;
  leading.name = 'b';
  await a.server.close();
  await programmed(b, snapshot);
  assert.equal(await sentResources(b), 0);
  assert.equal(agent.envoyPid, envoyPid);
});

test('with a refused token a gateway goes on with what it has, and is back when it has a good one', async () => {
  await using site = await RemoteSite.make();
  const snapshot = httpSnapshot(await freePort());
  const controller = await site.controller({ snapshot });
  const agent = await site.agent(() => [target(controller)]);
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(controller, snapshot);
  const { envoyPid } = agent;
  await site.writeToken(makeGatewayToken(GATEWAY, random));
  controller.server.turnAway('come again');
  await eventually(() => agent.server === 'cache');
  await site.writeToken(await site.tokens.create(GATEWAY));
  await eventually(() => agent.server === 'controller');
  await programmed(controller, snapshot);
  assert.equal(agent.envoyPid, envoyPid);
});

test('while nobody can judge tokens, who is in stays in and goes on being told', async () => {
  await using site = await RemoteSite.make();
  const port = await freePort();
  const snapshot = httpSnapshot(port);
  let verdict: GatewayVerdict = { kind: 'admitted', gateway: GATEWAY };
  let asked = 0;
  const authenticate = async (): Promise<GatewayVerdict> => {
    asked += 1;
    return verdict;
  };
  const controller = await site.controller({ snapshot, authenticator: { authenticate } });
  const agent = await site.agent(() => [target(controller)]);
  await agent.live(AbortSignal.timeout(WAIT_MS));
  await programmed(controller, snapshot);
  verdict = { kind: 'unknown', message: 'the API server is dark' };
  const askedBefore = asked;
  await eventually(() => asked > askedBefore);
  const changed = withResources(snapshot, route('web', 204));
  controller.server.setSnapshot(changed);
  await programmed(controller, changed);
  assert.equal(agent.server, 'controller');
  await assert.rejects(site.client([target(controller)]).attach('new'), { message: /UNAVAILABLE.*dark/ });
});

test('gateways on the socket and on the port are served by one controller at once', async () => {
  await using site = await RemoteSite.make();
  const snapshot = snapshotOf(edsCluster('one'), endpoints('one', 1));
  const controller = await site.controller({
    snapshot,
    authenticator: { authenticate: async (_token, claimed) => ({ kind: 'admitted', gateway: claimed }) },
  });
  await using near = await startAgent({ controllerSocket: `${site.folder}/c1.sock`, stateDir: `${site.folder}/near` });
  const far = await site.agent(() => [target(controller)], 'far', 'gw-far');
  for (const agent of [near, far]) await agent.live(AbortSignal.timeout(WAIT_MS));
  const { ledger } = controller.server;
  await eventually(() =>
    [GATEWAY, 'gw-far'].every((gateway) => {
      const { connected, pending } = ledger.standing(gateway, snapshot);
      return connected && pending === 0;
    }),
  );
  assert.deepEqual(controller.attached.map(({ gateway }) => gateway).toSorted(), [GATEWAY, 'gw-far'].toSorted());
});

test('an agent that does not know yet where its controllers are finds them when their name is known', async () => {
  await using site = await RemoteSite.make();
  const snapshot = httpSnapshot(await freePort());
  const controller = await site.controller({ snapshot });
  let known: readonly ControllerTarget[] = [];
  const starting = site.agent(() => known);
  known = [target(controller)];
  const agent = await starting;
  await agent.live(AbortSignal.timeout(WAIT_MS));
  known = [];
  controller.server.turnAway('come again');
  await eventually(() => agent.server === 'cache');
  known = [target(controller)];
  await eventually(() => agent.server === 'controller');
});
