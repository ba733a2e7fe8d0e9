import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { startServer } from '../../../tests/redis/server.ts';
import { commitOf, EAST, orderOf, readPlain, TEST_TIMEOUT } from '../conformance/rig.fixture.ts';
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

/** What has passed the server, this question included: the same each time, but for a digit. */
async function octets(server: Awaited<ReturnType<typeof startServer>>): Promise<number> {
  const text = String(await server.cli('INFO', 'stats'));
  const field = (name: string): number => Number(new RegExp(`^${name}:([0-9]+)`, 'm').exec(text)?.[1]);
  return field('total_net_input_bytes') + field('total_net_output_bytes');
}
