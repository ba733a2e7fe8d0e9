import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { startServer } from '../../../tests/redis/server.ts';
import { commitOf, EAST, headOf, orderOf, readPlain, TEST_TIMEOUT } from '../conformance/rig.fixture.ts';
import { parseRedisAddress } from './address.ts';
import { redisKeys } from './keys.ts';
import { freshClusterset, redisComponents } from './rig.fixture.ts';
import { RedisStore } from './store.ts';

const [program = 'valkey'] = installedPrograms('several writers of a store');
const WRITER = join(import.meta.dirname, 'writer-process.fixture.ts');

function startWriter(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [WRITER, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
}

it(
  'never shows half of a commit while processes write the same records, and ends at the highest order',
  TEST_TIMEOUT,
  async () => {
    await using server = await startServer({ program });
    const clusterset = freshClusterset();
    await using store = new RedisStore(redisComponents(), { address: parseRedisAddress(server.url), clusterset });
    const writers = ['wa', 'wb', 'wc'].map((name) => startWriter(server.url, clusterset, name, '60', '3'));
    const ended = Promise.all(writers.map((writer) => once(writer, 'exit')));
    const over = { isOver: false };
    const codes = ended.then((exits) => {
      over.isOver = true;
      return exits.map(([code]) => code as unknown);
    });
    let reads = 0;
    while (!over.isOver) {
      const records = await readPlain(store, EAST);
      if (records !== undefined) {
        assert.equal(new Set(Object.values(records)).size, 1, JSON.stringify(records));
        reads += 1;
      }
      await turn();
    }
    assert.deepEqual(await codes, [0, 0, 0]);
    assert.ok(reads > 10, `${reads} reads`);
    assert.deepEqual(await readPlain(store, EAST), { r0: 'wc.60', r1: 'wc.60', r2: 'wc.60' });
  },
);

it('keeps the commit before or the whole commit when its writer is killed in the middle', TEST_TIMEOUT, async () => {
  await using server = await startServer({ program });
  const clusterset = freshClusterset();
  const keys = redisKeys(clusterset);
  await using store = new RedisStore(redisComponents(), { address: parseRedisAddress(server.url), clusterset });
  const writer = startWriter(server.url, clusterset, 'w', '1000', '4000');
  while ((await server.cli('EXISTS', keys.head(EAST))) !== '1') await turn();
  writer.kill('SIGKILL');
  await once(writer, 'exit');
  const stored = await readPlain(store, EAST);
  assert.ok(stored !== undefined);
  assert.equal(Object.keys(stored).length, 4_000);
  assert.equal(new Set(Object.values(stored)).size, 1);
  await store.commit(commitOf(EAST, { epoch: 2_000, version: 2_000 }, { r0: 'next' }));
  assert.equal((await readPlain(store, EAST))?.['r0'], 'next');
});

it(
  'costs what changed, not what there is: a commit, a delta and a beat among thousands of records',
  TEST_TIMEOUT,
  async () => {
    await using server = await startServer({ program });
    const clusterset = freshClusterset();
    await using store = new RedisStore(redisComponents(), { address: parseRedisAddress(server.url), clusterset });
    await using reader = new RedisStore(redisComponents(), { address: parseRedisAddress(server.url), clusterset });
    const many = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, index) => [`service/a/s-${index}`, 'x'.repeat(300)]),
    );
    await store.commit(commitOf(EAST, { version: 1 }, many));
    await store.commit(commitOf(EAST, { version: 2 }, { 'service/a/s-7': 'y' }));
    await reader.changes(EAST, orderOf({ version: 1 }));
    const before = await octets(server);
    await store.commit(commitOf(EAST, { version: 3 }, { 'service/a/s-7': 'z' }));
    const delta = await reader.changes(EAST, orderOf({ version: 2 }));
    assert.ok(delta.kind === 'delta' && delta.puts.size === 1);
    const spent = (await octets(server)) - before;
    // An answer to INFO is some 3 KB of it.
    assert.ok(spent > 0 && spent < 10_000, `${spent} octets passed the server for one change`);
  },
);

it('changes nothing on a server that refuses transactions and takes all else', TEST_TIMEOUT, async () => {
  await using server = await startServer({ program });
  const clusterset = freshClusterset();
  const keys = redisKeys(clusterset);
  await using store = new RedisStore(redisComponents(), { address: parseRedisAddress(server.url), clusterset });
  await store.commit(commitOf(EAST, { version: 1 }, { a: '1' }));
  await server.cli('ACL', 'SETUSER', 'careless', 'on', '>secret', '~*', '&*', '+@all', '-multi');
  const url = server.url.replace('redis://', 'redis://careless:secret@');
  await using careless = new RedisStore(redisComponents(), { address: parseRedisAddress(url), clusterset });
  const head = await server.cli('GET', keys.head(EAST));
  await assert.rejects(careless.commit(commitOf(EAST, { version: 2 }, { a: '2' })), { code: 'store-refused' });
  assert.equal(await server.cli('GET', keys.head(EAST)), head);
  assert.deepEqual(await readPlain(store, EAST), { a: '1' });
});

it('keeps the limits also when another writer was there between two of its own', TEST_TIMEOUT, async () => {
  await using server = await startServer({ program });
  const init = { address: parseRedisAddress(server.url), clusterset: freshClusterset() };
  await using first = new RedisStore(redisComponents(), init);
  await using second = new RedisStore(redisComponents(), init);
  const records = (size: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`service/a/s-${index}`, 'x'.repeat(size)]));
  // Too large for the log, twice: by the numbers of records and of log entries nobody can tell one version from the other.
  await first.commit(commitOf(EAST, { version: 1 }, records(10_000)));
  await second.commit(commitOf(EAST, { version: 2 }, records(220_000)));
  await first.beat(EAST, headOf({ version: 2, beat: 1 }));
  const more = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`t-${index}`, 'x'.repeat(250_000)]));
  await assert.rejects(first.commit(commitOf(EAST, { version: 3 }, more)), { code: 'store-limit' });
});

it('renews a lease while a commit of the same controller waits for a slow link', TEST_TIMEOUT, async () => {
  await using server = await startServer({ program });
  await using link = await slowUpload(server.port, 1_000_000);
  const init = { address: parseRedisAddress(`redis://127.0.0.1:${link.port}`), clusterset: freshClusterset() };
  await using store = new RedisStore(redisComponents(), init);
  await store.lease.acquire('east', 'a', 6_000);
  const records = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`r-${index}`, 'x'.repeat(200_000)]));
  const progress = { isIn: false };
  const committing = store.commit(commitOf(EAST, {}, records)).then(() => {
    progress.isIn = true;
  });
  await turn();
  assert.equal((await store.lease.acquire('east', 'a', 6_000)).holder, 'a');
  assert.equal(progress.isIn, false, 'the lease does not wait for the commit');
  await committing;
});

/** A port that passes so many octets a second on to the server. */
async function slowUpload(to: number, bytesPerSecond: number): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const front = createServer((client) => {
    const back = connect(to, '127.0.0.1');
    for (const socket of [client, back]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => [client, back].map((one) => one.destroy()));
    }
    back.pipe(client);
    client.on('data', (chunk: Buffer) => {
      back.write(chunk);
      client.pause();
      setTimeout(() => client.resume(), (chunk.byteLength / bytesPerSecond) * 1_000);
    });
  });
  await once(front.listen(0, '127.0.0.1'), 'listening');
  const address = front.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      front.close();
      await once(front, 'close');
    },
  };
}

/** What has passed the server, this question included: the same each time, but for a digit. */
async function octets(server: Awaited<ReturnType<typeof startServer>>): Promise<number> {
  const text = String(await server.cli('INFO', 'stats'));
  const field = (name: string): number => Number(new RegExp(`^${name}:([0-9]+)`, 'm').exec(text)?.[1]);
  return field('total_net_input_bytes') + field('total_net_output_bytes');
}
