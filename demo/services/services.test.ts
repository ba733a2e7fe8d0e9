import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Server } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { buffer } from 'node:stream/consumers';
import { SystemClock } from '../../runtime/clock.ts';
import { Counts } from './counts.ts';
import { createH2cService } from './h2c-service.ts';
import { createHttpService } from './http-service.ts';
import { listen, parseEndpoint } from './listen.ts';
import { PLAINTEXT_MARKER } from './marker.ts';
import { createTcpService, pattern } from './tcp-service.ts';

const LOCAL = { address: '127.0.0.1', port: 0 };
const WHO = `east-1 ${PLAINTEXT_MARKER}\n`;
const counts = new Counts();
const servers: { close: () => unknown }[] = [];
let http = '';
let tcp = 0;
let h2c = 0;

before(async () => {
  const start = async (
    server: Pick<Server, 'listen' | 'once' | 'removeListener' | 'address' | 'close'>,
  ): Promise<number> => {
    servers.push(server);
    return listen(server, LOCAL);
  };
  http = `http://127.0.0.1:${await start(createHttpService({ clock: new SystemClock(), counts }, { name: 'east-1' }))}`;
  tcp = await start(createTcpService({ counts }, { name: 'east-1' }));
  h2c = await start(createH2cService({ counts }, { name: 'east-1' }));
});
after(() => servers.forEach((server) => server.close()));

describe('HTTP service', () => {
  test('says who it is, with the marker in header and body', async () => {
    const answer = await fetch(`${http}/anything`);
    assert.equal(answer.headers.get('x-plaintext-marker'), PLAINTEXT_MARKER);
    assert.equal(answer.headers.get('x-served-by'), 'east-1');
    assert.equal(await answer.text(), WHO);
  });

  test('answers with the status that was asked for, and can forge the marks of gateways', async () => {
    assert.equal((await fetch(`${http}/status/503`)).status, 503);
    assert.equal((await fetch(`${http}/status/999`)).status, 400);
    const forged = await fetch(`${http}/forged`);
    assert.deepEqual([forged.status, forged.headers.get('isthmus-reply')], [503, 'unsent']);
  });

  test('sends as many bytes as were asked for', async () => {
    assert.equal((await (await fetch(`${http}/bytes/1000001`)).arrayBuffer()).byteLength, 1_000_001);
  });

  test('shows the headers it got', async () => {
    const got: unknown = await (await fetch(`${http}/headers`, { headers: { 'isthmus-service': 'x' } })).json();
    assert.ok(typeof got === 'object' && got !== null && 'isthmus-service' in got);
  });

  test('turns unhealthy and healthy on command', async () => {
    const health = async (): Promise<number> => (await fetch(`${http}/health`)).status;
    assert.equal(await health(), 200);
    await fetch(`${http}/health/fail`, { method: 'POST' });
    assert.equal(await health(), 503);
    await fetch(`${http}/health/pass`, { method: 'POST' });
    assert.equal(await health(), 200);
  });

  test('counts methods and paths, but not looks at the counts', async () => {
    await fetch(`${http}/counted`);
    await fetch(`${http}/counted`, { method: 'POST', body: 'x' });
    const shown: unknown = await (await fetch(`${http}/counts`)).json();
    assert.ok(typeof shown === 'object' && shown !== null);
    assert.deepEqual(
      ['GET /counted', 'POST /counted', 'GET /counts'].map((key) => Reflect.get(shown, key)),
      [1, 1, undefined],
    );
  });
});

describe('TCP service', () => {
  /** Sends a command (and a half-close, if wanted) and reads to the end. */
  async function ask(command: string | Buffer, end: 'half-close' | 'stay'): Promise<Buffer> {
    const socket = connect({ port: tcp, host: '127.0.0.1', allowHalfOpen: true });
    if (end === 'half-close') socket.end(command);
    else socket.write(command);
    const answer = await buffer(socket);
    socket.destroy();
    return answer;
  }

  test('who: answers and stays until the client closes', async () => {
    assert.equal(String(await ask('who\n', 'half-close')), WHO);
  });

  test('big: sends exactly the bytes of the pattern and closes first', async () => {
    const got = await ask('big 200000\n', 'stay');
    const wanted = Buffer.concat([pattern(0, 65_536), pattern(65_536, 65_536), pattern(131_072, 68_928)]);
    assert.ok(got.equals(wanted));
  });

  test('sum: answers after the half-close of the client, also for what came with the command', async () => {
    const data = pattern(7, 300_000);
    const answer = String(await ask(Buffer.concat([Buffer.from('sum\n'), data]), 'half-close'));
    assert.equal(answer, `${createHash('sha256').update(data).digest('hex')} 300000 east-1\n`);
  });

  test('part: closes its half at once and still reads', async () => {
    const socket = connect({ port: tcp, host: '127.0.0.1', allowHalfOpen: true });
    socket.write('part\n');
    assert.equal(String(await buffer(socket)), WHO);
    await new Promise<void>((resolve, reject) => socket.end('more', () => resolve()).on('error', reject));
    socket.destroy();
  });

  test('echo: sends back everything, and unknown commands end the connection', async () => {
    assert.equal(String(await ask('echo\nabc', 'half-close')), 'abc');
    assert.equal(String(await ask('bogus\n', 'stay')), 'unknown command\n');
  });
});

describe('HTTP/2 service without TLS', () => {
  async function exchange(
    headers: Record<string, string>,
    body: string,
  ): Promise<{ status: unknown; text: string; trailers: unknown }> {
    const session = connectHttp2(`http://127.0.0.1:${h2c}`);
    const stream = session.request({ ':method': 'POST', ...headers });
    let trailers: unknown;
    stream.on('trailers', (got) => (trailers = got['grpc-status']));
    stream.end(body);
    const [response] = await once(stream, 'response');
    const text = String(await buffer(stream));
    session.close();
    return { status: response[':status'], text, trailers };
  }

  test('answers with its name', async () => {
    assert.deepEqual(await exchange({ ':path': '/' }, ''), { status: 200, text: WHO, trailers: undefined });
    assert.equal((await exchange({ ':path': '/status/503' }, '')).status, 503);
  });

  test('sends gRPC messages back, with the status in the trailers', async () => {
    const message = '\0\0\0\0\u0003abc';
    const answer = await exchange({ ':path': '/echo.Echo/Say', 'content-type': 'application/grpc+proto' }, message);
    assert.deepEqual(answer, { status: 200, text: message, trailers: '0' });
  });
});

describe('endpoint text', () => {
  test('is ADDRESS:PORT, with brackets for IPv6', () => {
    assert.deepEqual(parseEndpoint('10.0.0.10:8080'), { address: '10.0.0.10', port: 8080 });
    assert.deepEqual(parseEndpoint('[::1]:80'), { address: '::1', port: 80 });
    for (const bad of ['8080', '10.0.0.1', '10.0.0.1:', '10.0.0.1:70000', '::1:80', ''])
      assert.throws(() => parseEndpoint(bad), { code: 'bad-endpoint' });
  });
});
