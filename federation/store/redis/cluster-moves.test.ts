import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCluster, type TestCluster } from '../../../tests/redis/cluster.ts';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { type ClusterId, parseClusterId } from '../../model/ids.ts';
import { commitOf, headOf, orderOf, readPlain, TEST_TIMEOUT } from '../conformance/rig.fixture.ts';
import { StaleCommitError, StoreUnavailableError } from '../contract.ts';
import { parseRedisAddress } from './address.ts';
import { redisKeys } from './keys.ts';
import { freshClusterset, redisComponents } from './rig.fixture.ts';
import { slotOf } from './slots.ts';
import { RedisStore } from './store.ts';

const [program = 'valkey'] = installedPrograms('a Redis Cluster that changes');
/** Enough that each of three nodes keeps some. */
const CLUSTERS = Array.from({ length: 12 }, (_, index) => parseClusterId(`c${index}`));

async function opened(cluster: TestCluster): Promise<{ store: RedisStore; keys: ReturnType<typeof redisKeys> }> {
  const clusterset = freshClusterset();
  const init = { address: parseRedisAddress(cluster.url), clusterset };
  return { store: await RedisStore.open(redisComponents(), init), keys: redisKeys(clusterset) };
}

async function commitUntilIn(store: RedisStore, cluster: ClusterId, version: number): Promise<void> {
  for (;;) {
    try {
      await store.commit(commitOf(cluster, { version }, { a: `${version}` }));
      return;
    } catch (error) {
      if (error instanceof StaleCommitError) return;
      assert.ok(error instanceof StoreUnavailableError, String(error));
      await sleep(20);
    }
  }
}

it('reads and writes on while slots move from node to node', TEST_TIMEOUT, async () => {
  await using cluster = await startCluster({ program });
  const { store, keys } = await opened(cluster);
  const [moving = parseClusterId('c0'), staying = parseClusterId('c1')] = CLUSTERS;
  await commitUntilIn(store, moving, 1);
  await commitUntilIn(store, staying, 1);
  for (let round = 0; round < 6; round += 1) {
    const key = keys.head(moving);
    const from = await cluster.ownerOf(key);
    const to = cluster.masters.find((master) => master !== from);
    assert.ok(to !== undefined);
    const version = 2 + round;
    await Promise.all([
      cluster.moveSlot(slotOf(key), from, to),
      commitUntilIn(store, moving, version),
      commitUntilIn(store, staying, version),
    ]);
    assert.deepEqual(await readPlain(store, moving), { a: `${version}` });
    assert.equal((await store.changes(moving, orderOf({ version: version - 1 }))).kind, 'delta');
    assert.deepEqual(new Set((await store.heads()).keys()), new Set([moving, staying]));
    await store.beat(moving, headOf({ version, beat: 1 }));
  }
  await store[Symbol.asyncDispose]();
});

it('waits out the moment in which a slot is on its way, and says so when it lasts', TEST_TIMEOUT, async () => {
  await using cluster = await startCluster({ program });
  const { store, keys } = await opened(cluster);
  const [moving = parseClusterId('c0')] = CLUSTERS;
  await commitUntilIn(store, moving, 1);
  const key = keys.head(moving);
  const from = await cluster.ownerOf(key);
  const to = cluster.masters.find((master) => master !== from);
  assert.ok(to !== undefined);
  await cluster.beginMove(slotOf(key), from, to);
  const all = await from.cliRaw('CLUSTER', 'GETKEYSINSLOT', slotOf(key), 100);
  const names = Array.isArray(all) ? all.filter((name) => Buffer.isBuffer(name)) : [];
  await from.cli('MIGRATE', to.host, to.port, '', 0, 5_000, 'KEYS', ...names);
  await assert.rejects(store.commit(commitOf(moving, { version: 2 })), {
    code: 'store-unavailable',
    message: /moving the slot/,
  });
  const writing = commitUntilIn(store, moving, 3);
  await cluster.endMove(slotOf(key), to);
  await writing;
  assert.deepEqual(await readPlain(store, moving), { a: '3' });
  await store[Symbol.asyncDispose]();
});

it(
  'shows the heads of the nodes that live when one is dead, and all when its replica has taken over',
  TEST_TIMEOUT,
  async () => {
    await using cluster = await startCluster({ program, replicas: 1, config: ['cluster-require-full-coverage no'] });
    const { store, keys } = await opened(cluster);
    for (const one of CLUSTERS) await commitUntilIn(store, one, 1);
    assert.equal((await store.heads()).size, CLUSTERS.length);
    const index = await cluster.ownerOf(keys.clusters);
    const owners = await Promise.all(CLUSTERS.map((one) => cluster.ownerOf(keys.head(one))));
    const victim = cluster.masters.find((master) => master !== index && owners.includes(master));
    assert.ok(victim !== undefined);
    // The replicas have all of it before their primary goes.
    await Promise.all(cluster.masters.map((master) => master.cli('WAIT', 1, 5_000)));
    await victim.kill();
    const living = new Set(CLUSTERS.filter((_, at) => owners[at] !== victim));
    const startedMs = performance.now();
    const partial = await store.heads();
    assert.ok(performance.now() - startedMs < 3_000);
    for (const one of living) assert.ok(partial.has(one), `${one} is hidden by a node that is not its own`);
    let all = partial;
    while (all.size < CLUSTERS.length) {
      await sleep(50);
      all = await store.heads();
    }
    for (const one of CLUSTERS) await commitUntilIn(store, one, 2);
    for (const one of CLUSTERS) assert.deepEqual(await readPlain(store, one), { a: '2' });
    await store[Symbol.asyncDispose]();
  },
);

it('tells a single server from a node of a cluster, in both directions', TEST_TIMEOUT, async () => {
  await using cluster = await startCluster({ program });
  const [node] = cluster.masters;
  assert.ok(node !== undefined);
  const components = redisComponents();
  const wrong = new RedisStore(components, { address: parseRedisAddress(node.url), clusterset: 'a.example' });
  const outcomes = await Promise.allSettled(CLUSTERS.map((one) => wrong.commit(commitOf(one, {}))));
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
  assert.ok(
    failures.some((failure) => /node of a Redis Cluster/.test(failure)),
    failures.join('\n'),
  );
  await wrong[Symbol.asyncDispose]();
});

it('is not held up in writing by the node of the index, when that one hangs', TEST_TIMEOUT, async () => {
  await using cluster = await startCluster({ program, config: ['cluster-require-full-coverage no'] });
  const { store: before, keys } = await opened(cluster);
  for (const one of CLUSTERS) await commitUntilIn(before, one, 1);
  await before[Symbol.asyncDispose]();
  const index = await cluster.ownerOf(keys.clusters);
  const owners = await Promise.all(CLUSTERS.map((one) => cluster.ownerOf(keys.head(one))));
  const elsewhere = CLUSTERS.find((_, at) => owners[at] !== index);
  assert.ok(elsewhere !== undefined);
  // One that has just started has looked at no entry yet.
  const init = { address: parseRedisAddress(cluster.url), clusterset: keys.clusterset };
  await using store = await RedisStore.open(redisComponents(), init);
  await readPlain(store, elsewhere);
  index.pause();
  try {
    const startedMs = performance.now();
    await store.commit(commitOf(elsewhere, { version: 2 }));
    await store.beat(elsewhere, headOf({ version: 2, beat: 1 }));
    assert.ok(performance.now() - startedMs < 1_500, `took ${performance.now() - startedMs} ms`);
  } finally {
    index.resume();
  }
});

it('shows the heads of the nodes that live before callers give up on one that hangs', TEST_TIMEOUT, async () => {
  // Long enough that the cluster itself does not notice.
  const config = ['cluster-require-full-coverage no', 'cluster-node-timeout 60000'];
  await using cluster = await startCluster({ program, config });
  const { store, keys } = await opened(cluster);
  for (const one of CLUSTERS) await commitUntilIn(store, one, 1);
  await store.heads();
  const index = await cluster.ownerOf(keys.clusters);
  const owners = await Promise.all(CLUSTERS.map((one) => cluster.ownerOf(keys.head(one))));
  for (const victim of [cluster.masters.find((master) => master !== index && owners.includes(master)), index]) {
    assert.ok(victim !== undefined);
    victim.pause();
    try {
      const startedMs = performance.now();
      const partial = await store.heads();
      assert.ok(performance.now() - startedMs < 1_900, `took ${performance.now() - startedMs} ms`);
      for (const [at, one] of CLUSTERS.entries()) assert.equal(partial.has(one), owners[at] !== victim, one);
    } finally {
      victim.resume();
    }
    while ((await store.heads()).size < CLUSTERS.length) await sleep(20);
  }
  await store[Symbol.asyncDispose]();
});
