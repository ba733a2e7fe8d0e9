/** Who gets in at a controller's TCP port, and which controller an agent believes, over real TLS. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { snapshotOf } from '../../gateway-config/agent/envoy-resources.fixture.ts';
import { ControllerLogin } from '../../gateway-config/agent/controller-login.ts';
import type { Controllers } from '../../gateway-config/agent/controllers.ts';
import { eventually, GATEWAY, random, TestAuthority } from '../../gateway-config/agent/site.fixture.ts';
import { formatSpiffeId, gatewayId } from '../../trust/spiffe.ts';
import { parseClusterId } from '../../federation/model/ids.ts';
import { toPem } from '../../trust/certificates.ts';
import { makeGatewayToken } from '../../trust/gateway-token.ts';
import { RemoteSite, target } from './site.ts';

function openAds(controllers: Controllers) {
  const accepted = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string>();
  const call = controllers.openAds({
    accepted: () => accepted.resolve(),
    frame: () => undefined,
    drained: () => undefined,
    ended: (reason) => ended.resolve(reason),
  });
  return { call, accepted: accepted.promise, ended: ended.promise };
}

test('an agent with the right token gets every call, from a controller that it knows by its SPIFFE ID', async () => {
  await using site = await RemoteSite.make();
  const controller = await site.controller({ snapshot: snapshotOf() });
  const client = site.client([target(controller)]);
  assert.equal((await client.attach('1')).cluster, 'east');
  const ads = openAds(client);
  await ads.accepted;
  ads.call.cancel();
  const [name = ''] = client.reportTargets;
  const report = client.openReport(name, () => undefined);
  report.send({ envoyLive: true });
  await eventually(() => controller.reports.length === 1);
  assert.equal(controller.reports[0]?.gateway, GATEWAY);
  report.cancel();
});

test('a token that was never made, was replaced, or is of another gateway opens nothing', async () => {
  await using site = await RemoteSite.make();
  const controller = await site.controller({ snapshot: snapshotOf() });
  const client = site.client([target(controller)]);
  await client.attach('1');
  for (const token of [
    makeGatewayToken(GATEWAY, random),
    await site.tokens.create('gw-2'),
    'x.y.z',
    `isthmus-gateway.${GATEWAY}.short`,
  ]) {
    await site.writeToken(token);
    await assert.rejects(client.attach('2'), { code: 'controller-call', message: /UNAUTHENTICATED/ });
    assert.match(await openAds(client).ended, /UNAUTHENTICATED/);
  }
  await site.writeToken(await site.tokens.create(GATEWAY));
  await client.attach('3');
  assert.deepEqual(
    controller.attached.map(({ instance }) => instance),
    ['1', '3'],
  );
});

test('who is let in as one gateway cannot speak for another', async () => {
  await using site = await RemoteSite.make();
  const controller = await site.controller({
    snapshot: snapshotOf(),
    authenticator: { authenticate: async () => ({ kind: 'admitted', gateway: 'gw-9' }) },
  });
  const client = site.client([target(controller)]);
  await assert.rejects(client.attach('1'), { code: 'controller-call', message: /PERMISSION_DENIED/ });
  const ended = Promise.withResolvers<string>();
  const [name = ''] = client.reportTargets;
  client.openReport(name, ended.resolve).send({ envoyLive: true });
  assert.match(await ended.promise, /PERMISSION_DENIED/);
  assert.deepEqual(controller.reports, []);
  assert.deepEqual(controller.attached, []);
});

test('a controller of another cluster, and a gateway in the place of the controller, are not believed', async () => {
  await using site = await RemoteSite.make();
  const foreign = await site.controller({ svid: new TestAuthority().controllerSvid() });
  await assert.rejects(site.client([target(foreign)]).attach('1'), { code: 'controller-call' });
  const gateway = gatewayId(parseClusterId('east'), 'prod.example.org', 'one');
  const posing = await site.controller({ svid: site.authority.controllerSvid(gateway) });
  await assert.rejects(site.client([target(posing)]).attach('1'), {
    code: 'controller-call',
    message: new RegExp(`${formatSpiffeId(gateway)} is not spiffe://east.prod.example.org/controller`),
  });
  assert.equal(foreign.attached.length + posing.attached.length, 0);
});

test('the root is no anchor: only the CA of the own cluster vouches for its controller', async () => {
  await using site = await RemoteSite.make();
  const controller = await site.controller();
  await site.writeCa(toPem([site.authority.root]));
  await assert.rejects(site.client([target(controller)]).attach('1'), { message: /constrained to one trust domain/ });
});

test('a new CA file is used by the next call, without a restart of the agent', async () => {
  await using site = await RemoteSite.make();
  const controller = await site.controller();
  const client = site.client([target(controller)]);
  await site.writeCa(toPem([new TestAuthority().clusterCa]));
  await assert.rejects(client.attach('1'), { code: 'controller-call' });
  await site.writeCa(toPem([site.authority.clusterCa]));
  await client.attach('2');
  assert.equal(controller.attached.length, 1);
});

test('a renewed certificate of the controller is shown to new connections, and open streams live on', async () => {
  await using site = await RemoteSite.make();
  const controller = await site.controller({ snapshot: snapshotOf() });
  const shown = async (): Promise<string> => {
    const socket = connectTls({ port: controller.server.port ?? 0, ALPNProtocols: ['h2'], rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    socket.destroy();
    return fingerprint256;
  };
  const before = await shown();
  const first = site.client([target(controller)]);
  const ads = openAds(first);
  await ads.accepted;
  controller.server.renewSvid(site.authority.controllerSvid());
  assert.notEqual(await shown(), before);
  await first.attach('1');
  await site.client([target(controller)]).attach('2');
  assert.equal(controller.attached.length, 2);
  ads.call.cancel();
});

test('a token that is replaced ends the streams that it opened, and the agent is back with the new one', async () => {
  await using site = await RemoteSite.make();
  const controller = await site.controller({ snapshot: snapshotOf() });
  const client = site.client([target(controller)]);
  const ads = openAds(client);
  await ads.accepted;
  const token = await site.tokens.create(GATEWAY);
  assert.match(await ads.ended, /not the newest/);
  await site.writeToken(token);
  const next = openAds(client);
  await next.accepted;
  next.call.cancel();
});

test('who connects and says nothing is cut, and so is who only whispers, while others are served', {
  timeout: 30_000,
}, async () => {
  await using site = await RemoteSite.make();
  const controller = await site.controller({ snapshot: snapshotOf() });
  const port = controller.server.port ?? 0;
  const silent = connect(port);
  const loris = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false });
  const sockets = [silent, loris];
  for (const socket of sockets) socket.on('error', () => undefined);
  await once(loris, 'secureConnect');
  // Each octet as it should be, and never in time to be a whole connection preface (RFC 9113, section 3.4).
  const octets = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'[Symbol.iterator]();
  const drip = setInterval(() => loris.write(octets.next().value ?? ''), 400);
  const closed = sockets.map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())));
  await site.client([target(controller)]).attach('1');
  await Promise.all(closed).finally(() => clearInterval(drip));
  assert.equal(controller.attached.length, 1);
});

test('a token of ours that other users can read is not sent to anybody', async () => {
  await using site = await RemoteSite.make();
  const controller = await site.controller();
  const login = new ControllerLogin({ caFile: site.caFile, tokenFile: `${site.tokenFile}-open` });
  await writeFile(`${site.tokenFile}-open`, await site.tokens.create(GATEWAY), { mode: 0o644 });
  await assert.rejects(site.client([target(controller)], login).attach('1'), { message: /other users can read it/ });
});
