import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { startSentinels } from '../../../tests/redis/sentinels.ts';
import { startServer } from '../../../tests/redis/server.ts';
import { commitOf, EAST, hintThat, readPlain, TEST_TIMEOUT } from '../conformance/rig.fixture.ts';
import type { Store } from '../contract.ts';
import { StaleCommitError, StoreUnavailableError } from '../contract.ts';
import { parseRedisAddress } from './address.ts';
import { freshClusterset, redisComponents } from './rig.fixture.ts';
import { RedisStore } from './store.ts';

const [program = 'valkey'] = installedPrograms('failover of a store');

function openAt(url: string): Promise<RedisStore> {
  return RedisStore.open(redisComponents(), { address: parseRedisAddress(url), clusterset: freshClusterset() });
}

/** As a publisher does: the same version again until it is in, for nobody knows what became of a write whose answer was lost. */
async function commitUntilIn(store: Store, version: number): Promise<void> {
  for (;;) {
    try {
      await store.commit(commitOf(EAST, { version }, { a: `${version}` }));
      return;
    } catch (error) {
      if (error instanceof StaleCommitError) return;
      assert.ok(error instanceof StoreUnavailableError, String(error));
      await sleep(20);
    }
  }
}

it('follows the primary that Sentinels name, through an orderly failover and a crash', TEST_TIMEOUT, async () => {
  await using sentinels = await startSentinels({ program });
  await using store = await openAt(sentinels.url);
  const watching = new AbortController();
  const hints = store.watch(watching.signal)[Symbol.asyncIterator]();
  await commitUntilIn(store, 1);
  const writing = { isOver: false, version: 1 };
  const written = (async () => {
    while (!writing.isOver) {
      writing.version += 1;
      await commitUntilIn(store, writing.version);
      await sleep(5);
    }
  })();
  await sentinels.failover();
  const promoted = await sentinels.primary();
  const atPromotion = writing.version;
  await hintThat(hints, (hint) => hint.kind === 'cluster' && (hint.head?.order.version ?? 0) > atPromotion);
  // The other one has to be in step before the crash, or there is nobody to take over.
  await (await sentinels.replica()).untilReady();
  await sentinels.untilSettled(promoted);
  const heir = await sentinels.replica();
  await promoted.kill();
  await sentinels.untilPrimary(heir);
  const atCrash = writing.version;
  await hintThat(hints, (hint) => hint.kind === 'cluster' && (hint.head?.order.version ?? 0) > atCrash);
  writing.isOver = true;
  await written;
  assert.deepEqual(await readPlain(store, EAST), { a: `${writing.version}` });
  watching.abort();
});

it('names the Sentinels and the primary when either cannot be found', TEST_TIMEOUT, async () => {
  await using sentinels = await startSentinels({ program });
  await using unknown = await openAt(sentinels.url.replace(/main$/, 'other'));
  await assert.rejects(unknown.heads(), { code: 'store-unavailable', message: /knows no primary named other/ });
  await using nobody = await openAt('redis+sentinel://127.0.0.1:1/main');
  await assert.rejects(nobody.heads(), { code: 'store-unavailable', message: /127.0.0.1:1 refuses/ });
  const [first] = sentinels.sentinels;
  await first?.kill();
  await using store = await openAt(sentinels.url);
  await store.commit(commitOf(EAST, {}, { a: '1' }));
});

it('says that a server is a replica, and writes again as soon as it is none', TEST_TIMEOUT, async () => {
  await using primary = await startServer({ program });
  await using server = await startServer({ program });
  await using store = await openAt(server.url);
  await store.commit(commitOf(EAST, { version: 1 }, { a: '1' }));
  await server.cli('REPLICAOF', primary.host, primary.port);
  await assert.rejects(store.commit(commitOf(EAST, { version: 2 }, { a: '2' })), {
    code: 'store-unavailable',
    message: /is a replica/,
  });
  await server.cli('REPLICAOF', 'NO', 'ONE');
  await commitUntilIn(store, 3);
  assert.equal((await readPlain(store, EAST))?.['a'], '3');
});
