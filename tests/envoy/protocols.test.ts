/** HTTP/2 and gRPC through two real gateways, failover by tiers, grants and quarantine while connections are open. */
import assert from 'node:assert/strict';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { parseClusterId } from '../../federation/model/ids.ts';
import { HEADER, httpSni } from '../../gateway-config/naming.ts';
import type { Scenario } from '../../gateway-config/testing/scenario.fixture.ts';
import { TEST_DOMAIN } from '../../gateway-config/testing/scenario.fixture.ts';
import { whoHttp, whoTcp } from './clients.ts';
import type { Mesh } from './mesh.ts';
import { API, DB, startMesh, WEB } from './mesh.ts';
import { waitFor } from './wait.ts';

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh[Symbol.asyncDispose]());

interface Reply {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function portOf(service: string): number {
  return mesh.egress[service] ?? assert.fail(`${service} is not imported`);
}

function ask(session: ClientHttp2Session, headers: Record<string, string>, body?: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': '/', ...headers });
    const parts: Buffer[] = [];
    let reply: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    stream.on('response', (found) => (reply = found));
    stream.on('trailers', (found) => (trailers = found));
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('error', reject);
    stream.on('close', () => resolve({ headers: reply, trailers, body: Buffer.concat(parts) }));
    stream.end(body);
  });
}

async function callGrpc(message: Buffer): Promise<Reply> {
  const session = connect(`http://127.0.0.1:${portOf(API)}`);
  try {
    const headers = { ':path': '/shop.Api/Echo', 'content-type': 'application/grpc', te: 'trailers' };
    return await ask(session, headers, message);
  } finally {
    session.close();
  }
}

/** Says which pod answered, and that message and trailers came through. */
async function whoGrpc(): Promise<string> {
  const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 5]), Buffer.from('hello')]);
  const reply = await callGrpc(message);
  assert.deepEqual(reply.body, message);
  assert.equal(reply.trailers['grpc-status'], '0');
  return String(reply.trailers['grpc-message']);
}

function withLocal(scenario: Scenario, change: (key: string) => boolean): Scenario {
  const local = Object.fromEntries(Object.entries(scenario.local ?? {}).filter(([key]) => change(key)));
  return { ...scenario, local };
}

/** As the site sees it with nobody ready in its own cluster. */
function noOwnPods(scenario: Scenario): Scenario {
  const local = Object.entries(scenario.local ?? {}).map(([key, item]) => [key, { ...item, endpoints: [] }]);
  return { ...scenario, local: Object.fromEntries(local) };
}

function peersChanged(scenario: Scenario, changes: NonNullable<Scenario['peers']>): Scenario {
  const peers = Object.entries(scenario.peers ?? {}).map(([name, peer]) => [name, { ...peer, ...changes[name] }]);
  return { ...scenario, peers: Object.fromEntries(peers) };
}

describe('gRPC', () => {
  test('reaches own pods by HTTP/2, messages and trailers whole', async () => {
    assert.equal(await whoGrpc(), 'a');
  });

  test('reaches a peer through both gateways, messages and trailers whole', async () => {
    await mesh.tell('a', noOwnPods);
    await waitFor('peers serve gRPC', async () => (await whoGrpc()) !== 'a');
    assert.match(await whoGrpc(), /^[bc]$/);
  });

  test('goes elsewhere when one peer has withdrawn the service', async () => {
    await mesh.tell('b', (scenario) => withLocal(scenario, (key) => key !== 'shop/api'));
    const answers: string[] = [];
    for (let call = 0; call < 40; call++) answers.push(await whoGrpc());
    assert.deepEqual([...new Set(answers)], ['c']);
    const refused = (await mesh.b.gateway.accessLog()).filter(({ requested_service: service }) => service === API);
    assert.ok(refused.length > 5, `only ${refused.length} came to b`);
    await mesh.tell('b', (scenario) => scenario);
  });

  test("an application's own error passes", async () => {
    const session = connect(`http://127.0.0.1:${portOf(API)}`);
    const reply = await ask(session, { ':method': 'GET', ':path': '/status/503' });
    session.close();
    assert.equal(Number(reply.headers[':status']), 503);
  });
});

describe('failover by tiers', () => {
  test('a farther tier is used only when the nearer ones cannot serve, and the nearer again when they can', async () => {
    // c is in a's network and b is not, so c comes first although b has more endpoints.
    const tiered = (scenario: Scenario): Scenario => peersChanged(noOwnPods(scenario), { c: { network: 'net-a' } });
    await mesh.tell('a', tiered);
    const whoAll = async (): Promise<string[]> => [
      await whoHttp(portOf(WEB)),
      await whoTcp(portOf(DB)),
      await whoGrpc(),
    ];
    await waitFor('c serves all', async () => (await whoAll()).every((who) => who === 'c'));
    for (let call = 0; call < 20; call++) assert.deepEqual(await whoAll(), ['c', 'c', 'c']);
    await mesh.c.backend.kill();
    // c's gateway learns of it by the first connection, whose handshake was over before the pod refused.
    await waitFor('b serves TCP', async () => (await whoTcp(portOf(DB))) === 'b');
    for (let call = 0; call < 20; call++) assert.deepEqual(await whoAll(), ['b', 'b', 'b']);
    await mesh.c.backend.restart();
    await waitFor('c serves all again', async () => (await whoAll()).every((who) => who === 'c'));
  });

  test('a peer on standby serves when nobody else can', async () => {
    await mesh.tell('a', (scenario) => peersChanged(noOwnPods(scenario), { b: { state: 'standby' } }));
    await waitFor('c serves', async () => (await whoHttp(portOf(WEB))) === 'c' && (await whoTcp(portOf(DB))) === 'c');
    for (let call = 0; call < 20; call++) assert.equal(await whoHttp(portOf(WEB)), 'c');
    await mesh.c.gateway.kill();
    for (let call = 0; call < 20; call++) assert.equal(await whoHttp(portOf(WEB)), 'b');
    assert.equal(await whoTcp(portOf(DB)), 'b');
    await mesh.c.gateway.restart();
  });

  test('with nobody left, the answer says so and carries no mark of ours', async () => {
    await mesh.tell('a', (scenario) =>
      peersChanged(noOwnPods(scenario), { b: { state: 'gone' }, c: { state: 'gone' } }),
    );
    const answer = await waitFor('nobody serves', async () => {
      const reply = await fetch(`http://127.0.0.1:${portOf(WEB)}/`);
      const text = await reply.text();
      return (
        text.includes('no cluster serves shop/web:80') && { status: reply.status, names: [...reply.headers.keys()] }
      );
    });
    assert.equal(answer.status, 503);
    assert.deepEqual(
      answer.names.filter((name) => name.startsWith('isthmus-')),
      [],
    );
    await mesh.tell('a', (scenario) => scenario);
  });
});

describe('a caller that is cut off', () => {
  test('finds an empty table on the connection it already has, then loses it; another caller notices nothing', async () => {
    await using sessions = new AsyncDisposableStack();
    const [a, c] = ['a', 'c'].map((name) => {
      const session = dial(name);
      sessions.defer(() => session.destroy());
      return session;
    });
    assert.ok(a !== undefined && c !== undefined);
    const web = { ':method': 'GET', [HEADER.service]: WEB };
    assert.equal(Number((await ask(a, web)).headers[':status']), 200);
    const ended = new Promise<void>((resolve) => a.once('close', () => resolve()));
    await mesh.tell('b', (scenario) => peersChanged(scenario, { a: { status: 'quarantined' } }));
    const refused = await waitFor('the table is empty', async () => {
      if (a.closed || a.destroyed) return assert.fail('the connection went before its table did');
      const reply = await ask(a, web);
      return Number(reply.headers[':status']) === 404 && reply;
    });
    assert.equal(refused.headers[HEADER.reply], 'unsent');
    await ended;
    assert.equal(Number((await ask(c, web)).headers[':status']), 200);
    await mesh.tell('b', (scenario) => scenario);
  });
});

/** A connection to b as the gateway of a site makes it. */
function dial(name: string): ClientHttp2Session {
  const leaf = mesh.trust.clusters[name]?.gateway ?? assert.fail(`there is no ${name}`);
  const session = connect(`https://127.0.0.1:${mesh.b.port}`, {
    cert: leaf.chainPem,
    key: leaf.keyPem,
    rejectUnauthorized: false,
    servername: httpSni(parseClusterId(name), parseClusterId('b'), TEST_DOMAIN),
  });
  // It ends with a reset or a GOAWAY; `close` follows either.
  session.on('error', () => undefined);
  return session;
}
