import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { startServer } from '../../../tests/redis/server.ts';
import { IsthmusError } from '../../../runtime/errors.ts';
import { commitOf, EAST, headOf, orderOf, readPlain, TEST_TIMEOUT, text, WEST } from '../conformance/rig.fixture.ts';
import { parseRedisAddress } from './address.ts';
import { redisKeys } from './keys.ts';
import { freshClusterset, redisComponents } from './rig.fixture.ts';
import { RedisStore } from './store.ts';

const [program = 'valkey'] = installedPrograms('foreign data in a store');

describe('what others have put under our names', TEST_TIMEOUT, async () => {
  const server = await startServer({ program });
  after(() => server[Symbol.asyncDispose]());

  async function opened(): Promise<{ store: RedisStore; keys: ReturnType<typeof redisKeys> }> {
    const clusterset = freshClusterset();
    const init = { address: parseRedisAddress(server.url), clusterset };
    return { store: await RedisStore.open(redisComponents(), init), keys: redisKeys(clusterset) };
  }

  /** Refused with the key's name and what to do, and left as it is. */
  async function assertRefused(work: Promise<unknown>, key: string): Promise<void> {
    await assert.rejects(work, (error) => {
      assert.ok(error instanceof IsthmusError, String(error));
      assert.equal(error.code, 'store-refused');
      assert.ok(error.message.includes(key), `${error.message} does not name ${key}`);
      assert.match(error.hint ?? '', /DEL '/);
      return true;
    });
  }

  for (const [what, put] of [
    ['a text', (key: string) => ['SET', key, 'a session of some application'] as const],
    ['a list', (key: string) => ['RPUSH', key, 'a job'] as const],
    ['a larger value than any head', (key: string) => ['SET', key, 'x'.repeat(200_000)] as const],
  ] as const) {
    it(`${what} in place of a head is refused by name, not overwritten, and hides no other cluster`, async () => {
      const { store, keys } = await opened();
      await store.commit(commitOf(EAST, {}, { a: '1' }));
      await store.commit(commitOf(WEST, {}, { a: '1' }));
      const key = keys.head(WEST);
      await server.cli('DEL', key);
      await server.cli(...put(key));
      const before = await server.cli('DUMP', key);
      await assertRefused(store.read(WEST), key);
      await assertRefused(store.changes(WEST, orderOf({})), key);
      await assertRefused(store.commit(commitOf(WEST, { version: 2 })), key);
      await assertRefused(store.beat(WEST, headOf({ beat: 1 })), key);
      assert.deepEqual([...(await store.heads()).keys()], [EAST]);
      assert.equal(await server.cli('DUMP', key), before);
      await store[Symbol.asyncDispose]();
    });
  }

  it('records and logs of another type are refused by name and not overwritten', async () => {
    const { store, keys } = await opened();
    await store.commit(commitOf(EAST, { version: 1 }, { a: '1' }));
    for (const key of [keys.records(EAST), keys.log(EAST)]) {
      await server.cli('DEL', key);
      await server.cli('SET', key, 'foreign');
      await assertRefused(store.commit(commitOf(EAST, { version: 2 }, { a: '2' })), key);
      await assertRefused(
        key === keys.log(EAST) ? store.changes(EAST, orderOf({ version: 0 })) : store.read(EAST),
        key,
      );
      assert.equal(await server.cli('GET', key), 'foreign');
      await server.cli('DEL', key);
    }
    await store.commit(commitOf(EAST, { version: 2 }, { a: '2' }));
    assert.deepEqual(await readPlain(store, EAST), { a: '2' });
    await store[Symbol.asyncDispose]();
  });

  it('entries in the log that cannot be read cost a full read, no more', async () => {
    const { store, keys } = await opened();
    await store.commit(commitOf(EAST, { version: 1 }, { a: '1' }));
    await store.commit(commitOf(EAST, { version: 2 }, { a: '2' }));
    await server.cli('LSET', keys.log(EAST), '-1', 'foreign');
    assert.deepEqual(await store.changes(EAST, orderOf({ version: 1 })), { kind: 'gone' });
    await store.commit(commitOf(EAST, { version: 3 }, { a: '3' }));
    assert.equal((await store.changes(EAST, orderOf({ version: 2 }))).kind, 'delta');
    await store[Symbol.asyncDispose]();
  });

  it('a roster, a lease, an index or a token that is none is refused by name and not overwritten', async () => {
    const { store, keys } = await opened();
    await server.cli('SET', keys.roster, 'foreign');
    await assertRefused(store.roster(), keys.roster);
    await assertRefused(store.putRoster({ version: 5, bytes: text('x') }), keys.roster);
    assert.equal(await server.cli('GET', keys.roster), 'foreign');
    await server.cli('SET', keys.lease('east'), 'foreign');
    await assertRefused(store.lease.acquire('east', 'a', 1_000), keys.lease('east'));
    assert.equal(await server.cli('GET', keys.lease('east')), 'foreign');
    await server.cli('SET', keys.clusters, 'foreign');
    await assertRefused(store.heads(), keys.clusters);
    await assertRefused(store.commit(commitOf(EAST, {})), keys.clusters);
    await server.cli('SET', keys.join('t'), 'foreign');
    const credential = new Uint8Array(createHash('sha256').update('s').digest());
    await assertRefused(store.join.offer({ tokenId: 't', credential, expiresAtMs: 4e12 }), keys.join('t'));
    await store[Symbol.asyncDispose]();
  });

  it('names in the index that are no clusters are passed over, however many', async () => {
    const { store, keys } = await opened();
    await store.commit(commitOf(EAST, {}, { a: '1' }));
    await server.cli('SADD', keys.clusters, 'No Cluster', '../x', '', 'ghost', 'a'.repeat(64));
    assert.deepEqual([...(await store.heads()).keys()], [EAST]);
    const flood = Array.from({ length: 900 }, (_, index) => `aaa${index}`);
    await server.cli('SADD', keys.clusters, ...flood);
    assert.deepEqual([...(await store.heads()).keys()], [EAST]);
    await store[Symbol.asyncDispose]();
  });

  it('a full server refuses writes with a reason, and goes on being read', async () => {
    const { store } = await opened();
    await store.commit(commitOf(EAST, {}, { a: '1' }));
    await server.cli('CONFIG', 'SET', 'maxmemory', '1mb');
    await assert.rejects(store.commit(commitOf(EAST, { version: 2 }, { a: '2' })), {
      code: 'store-unavailable',
      message: /out of memory/,
    });
    assert.deepEqual(await readPlain(store, EAST), { a: '1' });
    await server.cli('CONFIG', 'SET', 'maxmemory', '0');
    await store.commit(commitOf(EAST, { version: 2 }, { a: '2' }));
    assert.deepEqual(await readPlain(store, EAST), { a: '2' });
    await store[Symbol.asyncDispose]();
  });

  it('records without a head are leftovers: the next commit begins anew', async () => {
    const { store, keys } = await opened();
    await store.commit(commitOf(EAST, {}, { a: '1', b: '1' }));
    await server.cli('DEL', keys.head(EAST));
    assert.equal(await store.read(EAST), undefined);
    await store.commit(commitOf(EAST, { version: 9 }, { c: '9' }));
    assert.deepEqual(await readPlain(store, EAST), { c: '9' });
    await store[Symbol.asyncDispose]();
  });
});
