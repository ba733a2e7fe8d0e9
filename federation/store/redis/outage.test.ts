import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { startServer } from '../../../tests/redis/server.ts';
import {
  commitOf,
  EAST,
  headOf,
  hintThat,
  orderOf,
  readPlain,
  TEST_TIMEOUT,
  WEST,
} from '../conformance/rig.fixture.ts';
import type { Store } from '../contract.ts';
import { parseRedisAddress } from './address.ts';
import { freshClusterset, redisComponents } from './rig.fixture.ts';
import { RedisStore } from './store.ts';

/** A call may take 2 s; the rest is for a machine with other things to do. */
const CALL_MS_MAX = 3_000;

function openAt(url: string): Promise<RedisStore> {
  return RedisStore.open(redisComponents(), { address: parseRedisAddress(url), clusterset: freshClusterset() });
}

function everyCall(store: Store): readonly Promise<unknown>[] {
  return [
    store.heads(),
    store.read(EAST),
    store.changes(EAST, orderOf({})),
    store.roster(),
    store.commit(commitOf(EAST, { version: 1_000 }, { a: '1' })),
    store.beat(EAST, headOf({ version: 1, beat: 50 })),
    store.lease.acquire('east', 'a', 1_000),
    store.join.pending(),
  ];
}

async function assertAllUnavailable(store: Store): Promise<void> {
  const startedMs = performance.now();
  for (const outcome of await Promise.allSettled(everyCall(store))) {
    assert.ok(outcome.status === 'rejected');
    assert.equal((outcome.reason as { code?: unknown }).code, 'store-unavailable', String(outcome.reason));
  }
  assert.ok(performance.now() - startedMs < CALL_MS_MAX, `took ${performance.now() - startedMs} ms`);
}

async function untilAnswers(store: Store): Promise<void> {
  for (;;) {
    try {
      await store.heads();
      return;
    } catch {
      await sleep(20);
    }
  }
}

const [program = 'valkey'] = installedPrograms('outages of a store');

test('a server that hangs costs each call at most its time-out, and the event loop nothing', TEST_TIMEOUT, async () => {
  await using server = await startServer({ program });
  await using store = await openAt(server.url);
  await store.commit(commitOf(EAST, {}, { a: '1' }));
  server.pause();
  let ticks = 0;
  const ticking = setInterval(() => {
    ticks += 1;
  }, 10);
  await assertAllUnavailable(store);
  clearInterval(ticking);
  assert.ok(ticks > 50, `the event loop turned ${ticks} times in two seconds`);
  // While it is known to be down, a call does not wait.
  const startedMs = performance.now();
  await assert.rejects(store.roster(), { code: 'store-unavailable' });
  assert.ok(performance.now() - startedMs < CALL_MS_MAX);
  server.resume();
  await untilAnswers(store);
  assert.deepEqual(await readPlain(store, EAST), { a: '1' });
});

test('a server that is killed fails calls at once, and is found again when it is back', TEST_TIMEOUT, async () => {
  await using server = await startServer({ program });
  await using store = await openAt(server.url);
  const watching = new AbortController();
  const hints = store.watch(watching.signal)[Symbol.asyncIterator]();
  await hintThat(hints, ({ kind }) => kind === 'gap');
  await store.commit(commitOf(EAST, {}, { a: '1' }));
  await hintThat(hints, ({ kind }) => kind === 'cluster');
  await server.kill();
  await assertAllUnavailable(store);
  await server.start();
  await hintThat(hints, ({ kind }) => kind === 'gap');
  await untilAnswers(store);
  assert.equal(await store.read(EAST), undefined, 'the server has kept nothing, and the store does not invent it');
  await store.commit(commitOf(EAST, { version: 2 }, { b: '2' }));
  await hintThat(hints, (hint) => hint.kind === 'cluster' && hint.head?.order.version === 2);
  assert.deepEqual(await readPlain(store, EAST), { b: '2' });
  watching.abort();
});

test('connections that the server closes are made anew within the same call', TEST_TIMEOUT, async () => {
  await using server = await startServer({ program });
  await using store = await openAt(server.url);
  for (let version = 1; version <= 20; version += 1) {
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await store.commit(commitOf(EAST, { version }, { a: `${version}` }));
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    assert.deepEqual(await readPlain(store, EAST), { a: `${version}` });
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    assert.equal((await store.heads()).get(EAST)?.order.version, version);
  }
});

test('a subscriber that the server drops tells of a gap and hears again', TEST_TIMEOUT, async () => {
  await using server = await startServer({ program });
  await using store = await openAt(server.url);
  const watching = new AbortController();
  const hints = store.watch(watching.signal)[Symbol.asyncIterator]();
  for (let version = 1; version <= 3; version += 1) {
    await hintThat(hints, ({ kind }) => kind === 'gap');
    await store.commit(commitOf(EAST, { version }));
    await hintThat(hints, (hint) => hint.kind === 'cluster' && hint.head?.order.version === version);
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
  }
  watching.abort();
});

/** A socket that is reset has an error before its end: both are an end here. */
async function untilClosed(sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) {
    if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  }
}

/** Says OK to the greeting, then whatever the test likes to say instead of an answer. */
async function fakeServer(
  speak: (socket: Socket) => void,
): Promise<{ url: string; server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let isGreeted = false;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      if (isGreeted) return speak(socket);
      isGreeted = true;
      socket.write('+OK\r\n+PONG\r\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { url: `redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, server, sockets };
}

test(
  'an answer that trickles in is given up after its time, and its connection is not used again',
  TEST_TIMEOUT,
  async () => {
    const timers: NodeJS.Timeout[] = [];
    const { url, server, sockets } = await fakeServer((socket) => {
      socket.write('$1000000\r\n');
      timers.push(setInterval(() => socket.write('x'), 50));
    });
    try {
      await using store = await openAt(url);
      const startedMs = performance.now();
      await assert.rejects(store.roster(), { code: 'store-unavailable' });
      assert.ok(performance.now() - startedMs < CALL_MS_MAX);
      await untilClosed(sockets);
    } finally {
      for (const timer of timers) clearInterval(timer);
      server.close();
    }
  },
);

test('an answer without end is cut off at the size that an answer may have', TEST_TIMEOUT, async () => {
  let sent = 0;
  const { url, server } = await fakeServer((socket) => {
    socket.write('$4000000000\r\n');
    const pour = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(64 * 1024))) sent += 64 * 1024;
    };
    socket.on('drain', pour);
    pour();
  });
  await using store = await openAt(url);
  await assert.rejects(store.roster(), { code: 'store-refused' });
  // What is on its way in the sockets' buffers comes on top of the limit.
  assert.ok(sent < 16 * 1024 * 1024, `${sent} octets were taken`);
  server.close();
});

test(
  'what one cluster piles up beyond its limits is not read, and keeps nobody from reading the others',
  TEST_TIMEOUT,
  async () => {
    await using server = await startServer({ program });
    const clusterset = freshClusterset();
    const init = { address: parseRedisAddress(server.url), clusterset };
    await using store = await RedisStore.open(redisComponents(), init);
    await store.commit(commitOf(EAST, {}, { a: '1' }));
    await store.commit(commitOf(WEST, {}, { a: '1' }));
    const heap = Buffer.alloc(30 * 1024 * 1024);
    for (const field of ['x', 'y', 'z']) await server.cli('HSET', `isthmus:{${clusterset}/west}:rec`, field, heap);
    await server.cli('SET', `isthmus:{${clusterset}/west}:head`, heap);
    await server.cli('RPUSH', `isthmus:{${clusterset}/west}:log`, heap);
    const outcomes = await Promise.allSettled([
      store.read(WEST),
      ...Array.from({ length: 20 }, () => readPlain(store, EAST)),
      store.changes(WEST, orderOf({ version: 5 })),
      store.read(WEST),
    ]);
    const east = outcomes
      .slice(1, 21)
      .map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason));
    assert.deepEqual(
      east,
      east.map(() => ({ a: '1' })),
    );
    for (const outcome of [outcomes[0], outcomes[21], outcomes[22]]) {
      assert.ok(outcome?.status === 'rejected');
      assert.equal((outcome.reason as { code?: unknown }).code, 'store-refused');
    }
    assert.deepEqual([...(await store.heads()).keys()], [EAST]);
  },
);

for (const kind of installedPrograms('a full server')) {
  test(
    `a ${kind} that is full is still read, by those who have been there and by those who start then`,
    TEST_TIMEOUT,
    async () => {
      await using server = await startServer({ program: kind });
      const init = { address: parseRedisAddress(server.url), clusterset: freshClusterset() };
      await using store = await RedisStore.open(redisComponents(), init);
      await store.commit(commitOf(EAST, {}, { a: '1' }));
      await store.commit(commitOf(EAST, { version: 2 }, { a: '2' }));
      await server.cli('CONFIG', 'SET', 'maxmemory', '1kb');
      await assert.rejects(store.commit(commitOf(EAST, { version: 3 }, { a: '3' })), { code: 'store-unavailable' });
      await using starting = await RedisStore.open(redisComponents(), init);
      for (const reader of [store, starting]) {
        assert.deepEqual(await readPlain(reader, EAST), { a: '2' });
        const changes = await reader.changes(EAST, orderOf({ version: 1 }));
        assert.equal(changes.kind, 'delta');
        assert.equal((await reader.heads()).get(EAST)?.order.version, 2);
      }
    },
  );
}

test(
  'an answer that announces more than there can be takes no memory and ends its connection',
  TEST_TIMEOUT,
  async () => {
    for (const header of ['*33554432\r\n', '*4000000\r\n', '~33554432\r\n', '%16777216\r\n', '*-5\r\n', '$1e9\r\n']) {
      const { url, server } = await fakeServer((socket) => {
        // Made room for, the first of these would be 50 GB.
        socket.write(header.repeat(200));
      });
      try {
        await using store = await openAt(url);
        const startedMs = performance.now();
        await assert.rejects(store.roster(), { code: 'store-unavailable' });
        assert.ok(performance.now() - startedMs < 1_000, `${header} is not waited for`);
      } finally {
        server.close();
      }
    }
  },
);
