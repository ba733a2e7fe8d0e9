import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { loadNamedTopology } from '../../topologies/load.ts';
import type { Lab } from '../lab/lab.ts';
import { openLab } from '../lab/open.ts';
import { Counts } from '../services/counts.ts';
import { createHttpService } from '../services/http-service.ts';
import { listen } from '../services/listen.ts';
import { createTcpService } from '../services/tcp-service.ts';
import { LoadProcess } from './load-process.ts';
import { summarise } from './summary.ts';

const clock = new SystemClock();
const LOCAL = { address: '127.0.0.1', port: 0 };
let lab: Lab;
const open = new Set<Server>();

before(async () => {
  ({ lab } = await openLab(
    { clock, log: silentLogger },
    { topology: await loadNamedTopology('no-kube-3'), prefer: 'loopback' },
  ));
});
after(async () => {
  for (const server of open) server.close();
  await lab.destroy();
});

function generator(): Promise<LoadProcess> {
  return LoadProcess.start({ clock, lab }, { host: 'east/app' });
}

async function serve(server: Server): Promise<number> {
  open.add(server);
  return listen(server, LOCAL);
}

/** Waits for a fact, not for a time: until the generator has this many samples. */
async function collected(load: LoadProcess, count: number): Promise<void> {
  while (load.samples().length < count) await clock.sleep(20);
}

describe('load generator process', () => {
  for (const connections of ['pooled', 'new'] as const) {
    test(`counts what the service counts, with ${connections} connections`, async () => {
      const counts = new Counts();
      const server = createHttpService({ clock, counts }, { name: 'east-1' });
      let accepted = 0;
      server.on('connection', () => (accepted += 1));
      const port = await serve(server);
      const load = await generator();
      load.start({ name: 'http', kind: 'http', host: '127.0.0.1', port, ratePerSecond: 200, connections });
      await collected(load, 60);
      await load.end('http');
      const { requests, failed, answers } = summarise(load.samples());
      assert.equal(failed, 0);
      assert.deepEqual(counts.all(), { 'GET /': requests });
      assert.deepEqual(answers, { 'east-1': requests });
      assert.equal((await load.stop()).attempts, requests);
      if (connections === 'new') assert.equal(accepted, requests);
      else assert.ok(accepted < requests, `${accepted} connections for ${requests} requests`);
    });
  }

  test('an answer that is not 200, a cut body and a closed connection are failures with a reason', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/cut')
        response.writeHead(200, { 'content-length': 100 }).write('x', () => response.destroy());
      else response.writeHead(503).end();
    });
    const port = await serve(server);
    const mute = await serve(createTcpServer((socket) => socket.end()));
    const load = await generator();
    load.start({ name: 'status', kind: 'http', host: '127.0.0.1', port, ratePerSecond: 50 });
    load.start({ name: 'cut', kind: 'http', host: '127.0.0.1', port, path: '/cut', ratePerSecond: 50 });
    load.start({ name: 'mute', kind: 'tcp', host: '127.0.0.1', port: mute, ratePerSecond: 50 });
    await collected(load, 30);
    await load.stop();
    const reasons = (stream: string): string[] => Object.keys(summarise(load.samples(undefined, stream)).failures);
    assert.deepEqual(reasons('status'), ['status-503']);
    assert.deepEqual(reasons('cut'), ['body-ECONNRESET']);
    assert.deepEqual(reasons('mute'), ['closed']);
    assert.deepEqual(summarise(load.samples()).answers, {});
  });

  test('an attempt that gets no answer fails at its time-out, and those after it were not held up', async () => {
    const silent = await serve(createTcpServer(() => undefined));
    const load = await generator();
    load.start({ name: 'tcp', kind: 'tcp', host: '127.0.0.1', port: silent, ratePerSecond: 100, timeoutMs: 300 });
    await collected(load, 50);
    await load.stop();
    const samples = load.samples();
    assert.deepEqual(Object.keys(summarise(samples).failures), ['timeout']);
    for (const { latencyMs } of samples) assert.ok(latencyMs >= 299, String(latencyMs));
    const due = samples.map(({ dueMs }) => dueMs);
    assert.ok(Math.max(...due) - Math.min(...due) < samples.length * 10 + 1);
  });

  test('settled means that everything due before is among the samples', async () => {
    const port = await serve(createHttpService({ clock, counts: new Counts() }, { name: 'slow' }));
    const load = await generator();
    load.start({ name: 'http', kind: 'http', host: '127.0.0.1', port, path: '/slow/200', ratePerSecond: 100 });
    await collected(load, 1);
    const fromMs = await load.mark('from');
    await collected(load, 30);
    const toMs = await load.mark('to');
    await load.settled(toMs);
    const atOnce = load.samples({ fromMs, toMs }).length;
    await load.stop();
    assert.equal(load.samples({ fromMs, toMs }).length, atOnce);
    assert.ok(Math.abs(atOnce - (toMs - fromMs) / 10) <= 1, `${atOnce} samples in ${toMs - fromMs} ms`);
  });

  test('a held connection says who answered, and when it is cut', async () => {
    const sockets = new Set<Socket>();
    const server = createTcpService({ counts: new Counts() }, { name: 'east-1' });
    server.on('connection', (socket) => sockets.add(socket));
    const port = await serve(server);
    const load = await generator();
    const held = await load.hold({ host: '127.0.0.1', port, mode: 'idle' });
    assert.equal(held.answer, 'east-1');
    const markedMs = await load.mark('before');
    for (const socket of sockets) socket.resetAndDestroy();
    const { atMs, reason } = await held.cut;
    assert.ok(atMs >= markedMs);
    assert.equal(reason, 'ECONNRESET');
    await load.stop();
  });

  test('a held connection that is to send keeps data in flight', async () => {
    let received = 0;
    const server = createTcpServer((socket) => {
      socket.write('west-1 hello\n');
      socket.on('data', (data) => {
        received += data.length;
        if (received > 250) socket.end();
      });
    });
    const load = await generator();
    const held = await load.hold({ host: '127.0.0.1', port: await serve(server), mode: 'sending' });
    assert.equal(held.answer, 'west-1');
    assert.equal((await held.cut).reason, 'closed');
    assert.ok(received > 250);
    await load.stop();
  });

  test('what cannot be started says why, and a generator that was killed is noticed', async () => {
    const port = await serve(createTcpServer());
    const load = await generator();
    await assert.rejects(load.hold({ host: '127.0.0.1', port: 1, mode: 'idle' }), /could not be held: ECONNREFUSED/);
    load.start({ name: 'tcp', kind: 'tcp', host: '127.0.0.1', port, ratePerSecond: 1, timeoutMs: 60_000 });
    const ended = load.end('tcp');
    load.kill();
    await assert.rejects(ended, /the end of tcp: ended \(SIGKILL\)/);
  });
});
