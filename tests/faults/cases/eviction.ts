import { randomBytes } from 'node:crypto';
import { CLUSTERS } from '../clusterset.ts';
import { keys } from '../deployment.ts';
import { expect } from '../eventually.ts';
import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';
import { untilStored } from '../wipe.ts';

const ROOM_BYTES = 2 * 1024 * 1024;
const JUNK_BYTES = 64 * 1024;
const JUNK_MAX = 4_000;

export const eviction = storeCase({
  name: 'eviction',
  row: 'eviction of keys (allkeys-random): evicted is not deleted, and is published again',
  layouts: ['alone', 'cluster'],
  alert: 'isthmus_store_rollback_detected_total',
  inject: async ({ servers }) => {
    for (const master of await servers.masters()) {
      const used = Number(await master.info('memory', 'used_memory'));
      await master.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
      await master.cli('CONFIG', 'SET', 'maxmemory', used + ROOM_BYTES);
    }
    const evictedAny = (): Promise<boolean> => someMissing(servers);
    let junk = 0;
    while (junk < JUNK_MAX && !(await evictedAny())) {
      const key = `junk:${(junk += 1)}`;
      await (await servers.ownerOf(key)).cli('SET', key, randomBytes(JUNK_BYTES));
    }
    expect('the server evicted none of our keys', junk < JUNK_MAX);
  },
  expect: ({ federation }) =>
    kept(federation, () => untilCounted(federation.sites, 'isthmus_store_rollback_detected_total')),
  heal: async ({ servers }) => {
    for (const master of await servers.masters()) await master.cli('CONFIG', 'SET', 'maxmemory', 0);
    await untilStored(servers, 30_000);
  },
});

async function someMissing(servers: Parameters<typeof untilStored>[0]): Promise<boolean> {
  for (const cluster of CLUSTERS) {
    const key = keys.head(cluster);
    if ((await (await servers.ownerOf(key)).cli('EXISTS', key)) === '0') return true;
  }
  return false;
}
