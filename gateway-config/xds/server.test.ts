import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { DeltaDiscoveryRequestSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { encodeResource } from '../resources/encode.ts';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { type Snapshot, TYPE_URL } from '../snapshot.ts';
import { socketTarget } from '../agent/controller-target.ts';
import { Upstream } from '../agent/upstream.ts';
import { type AgentHandlers, GATEWAY_METADATA, METHODS } from './agent-service.ts';
import { GATEWAYS_GONE_MAX } from './gateway-streams.ts';
import { XdsServer } from './server.ts';
import { type DeltaResponse, decodeResponse } from './wire.ts';

const clock = new SystemClock();

function clusters(...versions: readonly string[]): Snapshot {
  const made = versions.map((text, index) => {
    const { resource } = encodeResource(TYPE_URL.cluster, `c${index}`, ClusterSchema, {
      name: `c${index}`,
      altStatName: text,
    });
    return [resource.name, resource] as const;
  });
  return { resources: new Map([[TYPE_URL.cluster, new Map(made)]]) };
}

const HANDLERS: AgentHandlers = {
  attach: async ({ gateway }) => ({ cluster: 'east', identity: gateway }),
  signLeaf: async () => ({ chainPem: 'pem' }),
  report: () => undefined,
  reportEnded: () => undefined,
};

async function serve(handlers: Partial<AgentHandlers> = {}) {
  await using made = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'ist-'));
  made.defer(() => rm(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 's.sock');
  const metrics = new Metrics();
  const init = { listen: { socketPath }, handlers: { ...HANDLERS, ...handlers } };
  const server = new XdsServer({ clock, log: silentLogger, metrics }, init);
  await server.start();
  made.defer(() => server.close());
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  made.defer(() => client.close());
  const running = made.move();
  return { server, client, socketPath, metrics, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

type Request = Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1];

/** A delta ADS client that keeps what it hears. */
class Stream {
  readonly heard: DeltaResponse[] = [];
  readonly ended: Promise<{ code: number; details: string }>;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  #listeners: (() => void)[] = [];

  constructor(client: Client, gateway?: string) {
    const metadata = new Metadata();
    if (gateway !== undefined) metadata.set(GATEWAY_METADATA, gateway);
    this.#call = client.makeBidiStreamRequest(
      METHODS.ads,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      metadata,
    );
    this.#call.on('data', (frame: Buffer) => {
      this.heard.push(decodeResponse(frame));
      for (const listener of this.#listeners.splice(0)) listener();
    });
    this.ended = new Promise((resolve) => {
      this.#call.on('error', ({ code, details }: ServiceError) => resolve({ code, details }));
      this.#call.on('end', () => resolve({ code: status.OK, details: '' }));
    });
  }

  say(request: Request): void {
    this.#call.write(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request))));
  }

  write(bytes: Buffer): void {
    this.#call.write(bytes);
  }

  async next(): Promise<DeltaResponse> {
    if (this.heard.length === 0) await new Promise<void>((resolve) => this.#listeners.push(resolve));
    return this.heard.shift() as DeltaResponse; // there is one now
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  cancel(): void {
    this.#call.cancel();
  }
}

const HELLO = { node: { id: 'gw' }, typeUrl: TYPE_URL.cluster };

test('streams are refused as unavailable until there is a snapshot, and served then', async () => {
  await using s = await serve();
  const early = new Stream(s.client);
  early.say(HELLO);
  assert.deepEqual(await early.ended, { code: status.UNAVAILABLE, details: 'no configuration yet' });
  s.server.setSnapshot(clusters('v1'));
  const stream = new Stream(s.client);
  stream.say(HELLO);
  assert.deepEqual(
    (await stream.next()).resources.map(({ name }) => name),
    ['c0'],
  );
  stream.cancel();
});

test('a stream may speak only for the gateway that its agent vouches for', async () => {
  await using s = await serve();
  s.server.setSnapshot(clusters('v1'));
  const wrong = new Stream(s.client, 'gw-1');
  wrong.say({ ...HELLO, node: { id: 'gw-2' } });
  assert.equal((await wrong.ended).code, status.PERMISSION_DENIED);
  assert.deepEqual(s.server.ledger.gateways, []);
});

test('a stream that does not say who it is, or that sends garbage, ends alone', async () => {
  await using s = await serve();
  s.server.setSnapshot(clusters('v1'));
  const good = new Stream(s.client);
  good.say(HELLO);
  await good.next();
  const nameless = new Stream(s.client);
  nameless.say({ typeUrl: TYPE_URL.cluster });
  assert.equal((await nameless.ended).code, status.INVALID_ARGUMENT);
  const garbage = new Stream(s.client);
  garbage.write(Buffer.from([0xff, 0xff, 0xff]));
  assert.equal((await garbage.ended).code, status.INVALID_ARGUMENT);
  const long = new Stream(s.client);
  long.say({ ...HELLO, resourceNamesSubscribe: ['x'.repeat(100_000)] });
  assert.equal((await long.ended).code, status.INVALID_ARGUMENT);
  s.server.setSnapshot(clusters('v2'));
  good.say({ typeUrl: TYPE_URL.cluster, responseNonce: '1' });
  assert.equal((await good.next()).nonce, '2');
  good.cancel();
});

test('a type that is not served is passed over, the others of the stream are served', async () => {
  await using s = await serve();
  s.server.setSnapshot(clusters('v1'));
  const stream = new Stream(s.client);
  stream.say({ ...HELLO, typeUrl: 'type.googleapis.com/envoy.service.runtime.v3.Runtime' });
  stream.say(HELLO);
  assert.equal((await stream.next()).type, TYPE_URL.cluster);
  stream.cancel();
});

test('a newer stream of the same gateway replaces the older one', async () => {
  await using s = await serve();
  s.server.setSnapshot(clusters('v1'));
  const older = new Stream(s.client);
  older.say(HELLO);
  await older.next();
  const newer = new Stream(s.client);
  newer.say(HELLO);
  await newer.next();
  assert.equal((await older.ended).code, status.UNAVAILABLE);
  assert.deepEqual(s.server.ledger.connected, ['gw']);
  newer.cancel();
  await s.server.ledger.when(() => s.server.ledger.connected.length === 0, AbortSignal.timeout(5_000));
  assert.deepEqual(s.server.ledger.gateways, ['gw'], 'what it acknowledged is remembered');
});

test('a client that does not read costs what is in its pipe, and then gets the newest content', async () => {
  await using s = await serve();
  const big = (label: number) => clusters(`${label} ${'x'.repeat(1_000_000)}`);
  s.server.setSnapshot(big(0));
  const stream = new Stream(s.client);
  stream.say(HELLO);
  const first = await stream.next();
  stream.pause();
  stream.say({ typeUrl: TYPE_URL.cluster, responseNonce: first.nonce });
  await s.server.ledger.when(() => s.server.ledger.version('gw', TYPE_URL.cluster, 'c0') !== undefined);
  for (let label = 1; label <= 200; label++) s.server.setSnapshot(big(label));
  assert.match(await s.metrics.text(), /isthmus_xds_resources_sent_total\{type="cluster"\} 2\n/);
  stream.resume();
  const second = await stream.next();
  stream.say({ typeUrl: TYPE_URL.cluster, responseNonce: second.nonce });
  const newest = await stream.next();
  assert.equal(newest.resources[0]?.version, s.server.snapshot.resources.get(TYPE_URL.cluster)?.get('c0')?.version);
  stream.cancel();
});

test('agent calls reach their handlers; a refusal says why, an internal error says nothing of the inside', async () => {
  await using s = await serve({
    signLeaf: async ({ gateway }) => {
      if (gateway === 'gw') throw new IsthmusError('not-attached', 'attach first');
      throw new Error('secret detail');
    },
  });
  const upstream = new Upstream({ clock }, { target: socketTarget(s.socketPath), gateway: 'gw' });
  assert.equal((await upstream.attach('1')).identity, 'gw');
  const leaf = { publicKey: new Uint8Array(), proof: new Uint8Array() };
  await assert.rejects(upstream.signLeaf(leaf), { code: 'controller-refusal', message: /not-attached: attach first/ });
  const other = new Upstream({ clock }, { target: socketTarget(s.socketPath), gateway: 'other' });
  await assert.rejects(other.signLeaf(leaf), (error: Error) => !error.message.includes('secret detail'));
  upstream.close();
  other.close();
});

test('the end of a report stream is told with the name of its gateway', async () => {
  const ended = Promise.withResolvers<string>();
  const reported = Promise.withResolvers<number>();
  await using s = await serve({
    report: ({ peers }) => reported.resolve(peers[0]?.healthy ?? -1),
    reportEnded: (gateway) => ended.resolve(gateway),
  });
  const upstream = new Upstream({ clock }, { target: socketTarget(s.socketPath), gateway: 'gw' });
  const call = upstream.openReport(() => undefined);
  call.send({ peers: [{ cluster: 'west', healthy: 2, total: 3 }] });
  assert.equal(await reported.promise, 2);
  call.cancel();
  assert.equal(await ended.promise, 'gw');
  upstream.close();
});

test('a stopping server ends its streams and reports at once', async () => {
  await using s = await serve();
  s.server.setSnapshot(clusters('v1'));
  const upstream = new Upstream({ clock }, { target: socketTarget(s.socketPath), gateway: 'gw' });
  const stream = new Stream(s.client);
  stream.say(HELLO);
  await stream.next();
  const report = Promise.withResolvers<string>();
  upstream.openReport(report.resolve).send({});
  await upstream.attach('1');
  await s.server.close();
  assert.equal((await stream.ended).code, status.UNAVAILABLE);
  assert.match(await report.promise, /the controller stops/);
  upstream.close();
});

test('the socket is for its own user; a dead one is taken over, a living one and a foreign file are not', async () => {
  await using s = await serve();
  assert.equal((await stat(s.socketPath)).mode & 0o777, 0o600);
  const start = (path: string) =>
    new XdsServer(
      { clock, log: silentLogger, metrics: new Metrics() },
      { listen: { socketPath: path }, handlers: HANDLERS },
    ).start();
  await assert.rejects(start(s.socketPath), { code: 'socket-in-use' });
  const file = `${s.socketPath}.file`;
  await writeFile(file, 'precious');
  await assert.rejects(start(file), { code: 'socket-path-taken' });
  await assert.rejects(start(`/tmp/${'x'.repeat(120)}`), { code: 'socket-path-too-long' });
});

test('bytes that are no HTTP/2 harm nobody else', async () => {
  await using s = await serve();
  s.server.setSnapshot(clusters('v1'));
  const socket = connect(s.socketPath);
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\n\r\n'.repeat(1_000));
  const stream = new Stream(s.client);
  stream.say(HELLO);
  assert.equal((await stream.next()).resources.length, 1);
  socket.destroy();
  stream.cancel();
});

test('of gateways that are gone the ledger keeps the last ones only, of those that are there all', async () => {
  await using s = await serve();
  s.server.setSnapshot(clusters('v1'));
  const stays = new Stream(s.client, 'stays');
  stays.say({ ...HELLO, node: { id: 'stays' } });
  await stays.next();
  const { ledger } = s.server;
  for (let index = 0; index < GATEWAYS_GONE_MAX + 5; index++) {
    const gateway = `pod-${index}`;
    const stream = new Stream(s.client, gateway);
    stream.say({ ...HELLO, node: { id: gateway } });
    await stream.next();
    const gone = new Promise<void>((resolve) => {
      const end = ledger.observe((event) => {
        if (event.kind !== 'disconnected') return;
        end();
        resolve();
      });
    });
    stream.cancel();
    await gone;
  }
  assert.equal(ledger.gateways.length, GATEWAYS_GONE_MAX + 1);
  assert.deepEqual(ledger.connected, ['stays']);
  assert.ok(!ledger.gateways.includes('pod-0'));
  stays.cancel();
});
