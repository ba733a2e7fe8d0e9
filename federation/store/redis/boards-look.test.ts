import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../../../tests/redis/server.ts';
import { commitOf, EAST, text, WEST } from '../conformance/rig.fixture.ts';
import { parseRedisAddress } from './address.ts';
import { freshClusterset, redisComponents } from './rig.fixture.ts';
import { RedisStore } from './store.ts';

test('the boards show tokens by state and the lease of each cluster, and no secret of a token', async (t) => {
  const server = await startServer({ program: 'valkey' });
  t.after(() => server[Symbol.asyncDispose]());
  await using store = await RedisStore.open(redisComponents(), {
    address: parseRedisAddress(server.url),
    clusterset: freshClusterset(),
  });
  const expiresAtMs = Date.now() + 60_000;
  for (const tokenId of ['c', 'b', 'a']) {
    await store.join.offer({ tokenId, credential: new Uint8Array(32).fill(0xab), expiresAtMs });
  }
  for (const tokenId of ['b', 'c']) await store.join.request({ tokenId, bytes: text('please') });
  await store.join.answer({ tokenId: 'c', bytes: text('welcome') });
  for (const cluster of [EAST, WEST]) await store.commit(commitOf(cluster, { version: 1 }));
  await store.lease.acquire('east', 'east-0', 30_000);

  const { joins, leases } = await store.boards();
  assert.deepEqual(joins, [
    { tokenId: 'a', state: 'offered', expiresAtMs },
    { tokenId: 'b', state: 'requested', expiresAtMs },
    { tokenId: 'c', state: 'answered', expiresAtMs },
  ]);
  assert.deepEqual(
    leases.map(({ name, holder, transitions, expiresInMs }) => [name, holder, transitions, expiresInMs > 20_000]),
    [['east', 'east-0', 1, true]],
  );
});

test('a lease that is damaged is shown with what to do, and hides neither tokens nor other leases', async (t) => {
  const server = await startServer({ program: 'valkey' });
  t.after(() => server[Symbol.asyncDispose]());
  const clusterset = freshClusterset();
  await using store = await RedisStore.open(redisComponents(), { address: parseRedisAddress(server.url), clusterset });
  for (const cluster of [EAST, WEST]) await store.commit(commitOf(cluster, { version: 1 }));
  await store.join.offer({ tokenId: 'a', credential: new Uint8Array(32), expiresAtMs: Date.now() + 60_000 });
  await store.lease.acquire('east', 'east-0', 30_000);
  const key = `isthmus:{${clusterset}/west}:lease:west`;
  for (const damage of [['SET', key, 'bogus'] as const, ['RPUSH', key, 'bogus'] as const]) {
    await server.cli('DEL', key);
    await server.cli(...damage);
    const { joins, leases } = await store.boards();
    assert.equal(joins?.length, 1);
    assert.deepEqual(
      leases.map(({ name, holder, problem }) => [name, holder, problem?.includes(`DEL '${key}'`)]),
      [
        ['east', 'east-0', undefined],
        ['west', '', true],
      ],
    );
  }
});
