/** A real TLS server of our own that says what no API server can be asked to say. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ManualClock, SystemClock } from '../runtime/clock.ts';
import { InvalidInputError } from '../runtime/errors.ts';
import { CALL_TIMEOUT_MS } from './api/https-transport.ts';
import { KubeApiError, KubeUnreachableError } from './api/transport.ts';
import { type OpenKubeTransport, openKubeTransport } from './client.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

describe('the transport to an API server', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kube-client-'));
  const kubeconfig = join(dir, 'kubeconfig');
  let server: Server;
  let transport: OpenKubeTransport;
  let answer: Answer;
  let sockets = 0;

  function writeKubeconfig(token: string): void {
    const cluster = {
      server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, // listens on TCP
      'certificate-authority': 'server.crt',
    };
    const user = { token };
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        'current-context': 'c',
        clusters: [{ name: 'c', cluster }],
        users: [{ name: 'u', user }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      }),
    );
  }

  before(async () => {
    const [key, cert] = [join(dir, 'server.key'), join(dir, 'server.crt')];
    const names = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, ...names], { stdio: 'ignore' });
    server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) =>
      answer(request, response),
    );
    server.on('secureConnection', () => {
      sockets += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    writeKubeconfig('first');
  });
  beforeEach(() => {
    transport?.close();
    transport = openKubeTransport({ kubeconfig }, { clock: new SystemClock() });
    sockets = 0;
  });
  after(() => {
    transport.close();
    server.closeAllConnections();
    server.close();
    rmSync(dir, { recursive: true });
  });

  const get = { method: 'GET', path: '/api/v1/nodes' } as const;

  it('says who it is, sends what it is given, and keeps its connection', async () => {
    const seen: unknown[] = [];
    answer = (request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += String(chunk);
      });
      request.on('end', () => {
        const { authorization, accept } = request.headers;
        const user = request.headers['user-agent'];
        const type = request.headers['content-type'];
        seen.push([request.method, request.url, authorization, accept, user, type, body]);
        response.end('{"ok":true}');
      });
    };
    assert.deepEqual(await transport.call({ ...get, query: { limit: '5', labelSelector: 'a=b,c' } }), { ok: true });
    const body = { kind: 'Node' };
    const contentType = 'application/apply-patch+yaml';
    assert.deepEqual(await transport.call({ ...get, method: 'PATCH', contentType, body }), { ok: true });
    const identity = ['Bearer first', 'application/json', 'isthmus'];
    assert.deepEqual(seen, [
      ['GET', '/api/v1/nodes?limit=5&labelSelector=a%3Db%2Cc', ...identity, undefined, ''],
      ['PATCH', '/api/v1/nodes', ...identity, contentType, '{"kind":"Node"}'],
    ]);
    assert.equal(sockets, 1);
  });

  it('gives a refusal as an error with its reason and patience, and never says the token', async () => {
    answer = (_request, response) => {
      response.writeHead(429, { 'Retry-After': '3' });
      response.end(JSON.stringify({ kind: 'Status', reason: 'TooManyRequests', message: 'slow down' }));
    };
    const error: unknown = await transport.call(get).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof KubeApiError);
    assert.deepEqual([error.status, error.reason, error.retryAfterMs], [429, 'TooManyRequests', 3_000]);
    assert.ok(!JSON.stringify([error.message, error.fields, error.stack]).includes('first'));
  });

  it('reads its token again when it is not accepted, once', async () => {
    let asked = 0;
    answer = (request, response) => {
      asked += 1;
      response.writeHead(request.headers.authorization === 'Bearer second' ? 200 : 401);
      response.end('{}\n');
    };
    await assert.rejects(transport.call(get), { status: 401, reason: 'Unauthorized' });
    assert.equal(asked, 2);
    writeKubeconfig('second');
    assert.deepEqual(await transport.call(get), {});
    for await (const line of transport.lines(get)) assert.equal(line, '{}');
  });

  it('reads again on another connection when the kept one had been closed, and never writes twice', async () => {
    const methods: string[] = [];
    answer = (request, response) => {
      methods.push(request.method ?? '');
      if (methods.length === 2 || request.method === 'POST') request.socket.destroy();
      else response.end('{}');
    };
    await transport.call(get);
    await transport.call(get);
    await assert.rejects(transport.call({ ...get, method: 'POST', body: {} }), KubeUnreachableError);
    assert.deepEqual(methods, ['GET', 'GET', 'GET', 'POST']);
  });

  it('gives up an answer that does not come in time', async () => {
    const clock = new ManualClock();
    const patient = openKubeTransport({ kubeconfig }, { clock });
    const asked = Promise.withResolvers<void>();
    answer = () => asked.resolve();
    const call = patient.call(get);
    const refused = assert.rejects(call, /within 30000 ms/);
    await asked.promise;
    await clock.advance(CALL_TIMEOUT_MS);
    await refused;
    patient.close();
  });

  it('ends a call with the reason of its caller', async () => {
    const abort = new AbortController();
    answer = () => abort.abort(new Error('no longer wanted'));
    await assert.rejects(transport.call({ ...get, signal: abort.signal }), /no longer wanted/);
    await assert.rejects(transport.call({ ...get, signal: abort.signal }), /no longer wanted/);
  });

  it('opens a stream before its first line comes, and lets it be silent for longer than a call', async () => {
    const clock = new ManualClock();
    const patient = openKubeTransport({ kubeconfig }, { clock });
    const opened = Promise.withResolvers<void>();
    let held: ServerResponse | undefined;
    answer = (_request, response) => {
      held = response;
      response.writeHead(200).flushHeaders();
    };
    const lines = patient.lines({ ...get, onOpen: () => opened.resolve() });
    const first = lines[Symbol.asyncIterator]();
    const line = first.next();
    await opened.promise;
    await clock.advance(CALL_TIMEOUT_MS * 2);
    held?.write('{"type":"ADDED"}\n');
    assert.deepEqual(await line, { done: false, value: '{"type":"ADDED"}' });
    held?.end();
    assert.equal((await first.next()).done, true);
    patient.close();
  });

  it('tells a stream that breaks from one that ends', async () => {
    answer = (request, response) => {
      response.write('{"a":1}\n', () => request.socket.destroy());
    };
    const seen: string[] = [];
    await assert.rejects(async () => {
      for await (const line of transport.lines(get)) seen.push(line);
    }, KubeUnreachableError);
    assert.deepEqual(seen, ['{"a":1}']);
  });

  it('reads a stream no faster than its lines are taken', async () => {
    const line = `${'x'.repeat(1_000_000)}\n`;
    let written = 0;
    answer = (_request, response) => {
      const write = (): void => {
        written += 1;
        if (response.write(line)) setImmediate(write);
        else response.once('drain', write);
      };
      write();
    };
    const lines = transport.lines(get)[Symbol.asyncIterator]();
    await lines.next();
    const seen: number[] = [];
    // What the sockets on both sides take is taken; then the writer stands still.
    while (seen.length < 10 || seen.at(-1) !== seen.at(-10)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      seen.push(written);
    }
    assert.ok(written < 30, `${written} MB were taken`);
    await lines.return?.();
  });

  it('does not talk to a server of another authority', async () => {
    const other = join(dir, 'other');
    writeFileSync(other, readFileSync(kubeconfig, 'utf8').replace('server.crt', '/etc/ssl/certs/ca-certificates.crt'));
    const stranger = openKubeTransport({ kubeconfig: other }, { clock: new SystemClock() });
    await assert.rejects(stranger.call(get), { code: 'kubernetes-unreachable', hint: /authority/ });
    stranger.close();
  });

  it('names what is wrong with a kubeconfig', () => {
    const clock = new SystemClock();
    const missing = join(dir, 'missing');
    const empty = join(dir, 'empty');
    writeFileSync(empty, '{"clusters":[],"users":[],"contexts":[],"current-context":"c"}');
    for (const path of [missing, empty]) {
      assert.throws(() => openKubeTransport({ kubeconfig: path }, { clock }), InvalidInputError);
    }
  });

  it('says that nobody listens', async () => {
    const lonely = join(dir, 'lonely');
    writeFileSync(lonely, readFileSync(kubeconfig, 'utf8').replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1'));
    const nobody = openKubeTransport({ kubeconfig: lonely }, { clock: new SystemClock() });
    await assert.rejects(nobody.call(get), { code: 'kubernetes-unreachable', hint: /no API server listens/ });
    nobody.close();
  });
});
