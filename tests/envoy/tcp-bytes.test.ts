/**
 * TCP through two real gateways keeps every byte, whichever way a connection ends. Both ends count and check-sum: what
 * gateways lose is the tail, behind a slow reader or a half-close.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalScenario, Scenario } from '../../gateway-config/testing/scenario.fixture.ts';
import type { Mesh } from './mesh.ts';
import { DB, startMesh } from './mesh.ts';
import { waitFor } from './wait.ts';

const RUNS = 10;
const MIB = 1024 * 1024;
const DOWNLOAD_BYTES = 32 * MIB;
const UPLOAD_BYTES = 4 * MIB;
/** A reader that sleeps this long after each such piece takes 2 s for a download that the server has long closed. */
const SLOW_PIECE_BYTES = 256 * 1024;
const SLOW_PAUSE_MS = 15;

const download = patterned(DOWNLOAD_BYTES, 1);
const upload = patterned(UPLOAD_BYTES, 2);

interface Counted {
  readonly bytes: number;
  readonly sha256: string;
}

type Talk = (socket: Socket) => Promise<Counted | undefined>;

let mesh: Mesh;
let server: Server;
/** What the server does with the next connections, and what it found. */
let talk: Talk = () => Promise.resolve(undefined);
let heard: Promise<Counted | undefined>[] = [];

before(async () => {
  server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => heard.push(talk(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  mesh = await startMesh();
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : assert.fail('the server has no port');
  await mesh.tell('b', (scenario) =>
    databaseAt(scenario, [{ address: '127.0.0.1', ports: { 5432: port }, ready: true }]),
  );
  await mesh.tell('a', (scenario) => onlyPeerB(databaseAt(scenario, [])));
  talk = async (socket) => {
    socket.end('hello\n');
    return drain(socket);
  };
  await waitFor('the server is reached through both gateways', async () => (await read(await dial())).bytes === 6);
});
after(async () => {
  await mesh[Symbol.asyncDispose]();
  server.close();
});

/** Not compressible by accident and different everywhere: a lost, doubled or swapped piece changes the digest. */
function patterned(bytes: number, seed: number): Buffer {
  const block = Buffer.alloc(bytes);
  for (let at = 0, state = seed; at < bytes; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    block.writeUInt32LE(state, at);
  }
  return block;
}

function databaseAt(scenario: Scenario, endpoints: NonNullable<LocalScenario['endpoints']>): Scenario {
  const database = scenario.local?.['shop/db'] ?? assert.fail('there is no shop/db');
  return { ...scenario, local: { ...scenario.local, 'shop/db': { ...database, endpoints } } };
}

function onlyPeerB(scenario: Scenario): Scenario {
  const c = scenario.peers?.['c'] ?? assert.fail('there is no c');
  return { ...scenario, peers: { ...scenario.peers, c: { ...c, state: 'gone' } } };
}

async function dial(): Promise<Socket> {
  const port = mesh.egress[DB] ?? assert.fail('shop/db is not imported');
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

async function read(socket: Socket, pauseMs = 0): Promise<Counted> {
  const digest = createHash('sha256');
  let bytes = 0;
  let piece = 0;
  for await (const chunk of socket) {
    assert.ok(Buffer.isBuffer(chunk));
    digest.update(chunk);
    bytes += chunk.length;
    piece += chunk.length;
    if (pauseMs > 0 && piece >= SLOW_PIECE_BYTES) {
      piece = 0;
      await sleep(pauseMs);
    }
  }
  return { bytes, sha256: digest.digest('hex') };
}

async function drain(socket: Socket): Promise<Counted> {
  return read(socket);
}

function counted(data: Buffer): Counted {
  return { bytes: data.length, sha256: createHash('sha256').update(data).digest('hex') };
}

/** Runs a client against a server, side by side. @returns what each client and each server read */
async function runs(
  serve: Talk,
  client: () => Promise<Counted>,
): Promise<{ readonly clients: readonly Counted[]; readonly servers: readonly (Counted | undefined)[] }> {
  heard = [];
  talk = serve;
  const clients = await Promise.all(Array.from({ length: RUNS }, client));
  return { clients, servers: await Promise.all(heard) };
}

function times<T>(value: T): readonly T[] {
  return Array.from({ length: RUNS }, () => value);
}

describe('TCP through two gateways', () => {
  test('32 MiB reach a slow reader whole although the server closed first, 10 of 10', async () => {
    const serve: Talk = async (socket) => {
      socket.end(download);
      await once(socket, 'finish');
      return undefined;
    };
    const { clients } = await runs(serve, async () => {
      const socket = await dial();
      const got = await read(socket, SLOW_PAUSE_MS);
      socket.destroy();
      return got;
    });
    assert.deepEqual(clients, times(counted(download)));
  });

  test('an upload ended by half-close is whole, and so is the reply to it, 10 of 10', async () => {
    const serve: Talk = async (socket) => {
      const got = await read(socket);
      // Only now: the gateways have long seen the client's half-close.
      await sleep(100);
      socket.end(Buffer.concat([Buffer.from(got.sha256), upload]));
      return got;
    };
    const { clients, servers } = await runs(serve, async () => {
      const socket = await dial();
      socket.end(upload);
      return read(socket);
    });
    assert.deepEqual(servers, times(counted(upload)));
    const reply = Buffer.concat([Buffer.from(counted(upload).sha256), upload]);
    assert.deepEqual(clients, times(counted(reply)));
  });

  test('after the half-close of the server the client can still send everything, 10 of 10', async () => {
    const serve: Talk = async (socket) => {
      socket.end('over to you\n');
      return read(socket);
    };
    const { clients, servers } = await runs(serve, async () => {
      const socket = await dial();
      const got = await read(socket);
      socket.end(upload);
      await once(socket, 'close');
      return got;
    });
    assert.deepEqual(clients, times(counted(Buffer.from('over to you\n'))));
    assert.deepEqual(servers, times(counted(upload)));
  });
});
