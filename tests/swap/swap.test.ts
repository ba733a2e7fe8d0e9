import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hasProgram } from '../redis/programs.ts';
import { startServer } from '../redis/server.ts';
import { Load } from '../leadership/load.ts';
import { Deployment, SITES, until } from './deployment.ts';

/** Answers one after another, a twentieth of a second apart, that count as a mesh that has settled. */
const STEADY = 20;

/** Moves every site from what it lists now to `next`, with both in the list for a while, one controller after another. */
async function move(deployment: Deployment, next: string, news: string): Promise<void> {
  for (const site of SITES) {
    // The claim of a store server is the authority's alone.
    const address = site === 'east' ? next : withoutClaim(next);
    await deployment.listStores(site, [...(await deployment.storesOf(site)), address]);
    await deployment.restartController(site);
    // Some sites write to both stores while others still know the old one only.
    await deployment.exportNews('west', `${news}-${site}-added`);
  }
  for (const site of SITES) await deployment.untilComplete(site);
  await deployment.withoutStoreServer();
  for (const site of SITES) {
    await deployment.listStores(site, [withoutClaim(next)]);
    // Not every restart is a clean one.
    await deployment.restartController(site, site === 'west' ? 'SIGKILL' : 'SIGTERM');
    await deployment.exportNews('east', `${news}-${site}-alone`);
  }
}

function withoutClaim(link: string): string {
  return link.replace(/&claim=[^&]*/, '');
}

/** Both gateways have found each other: what fails from now on is the fault of what is done. */
async function untilAnswered(urls: readonly string[]): Promise<void> {
  let inARow = 0;
  await until('steady answers', async () => {
    const statuses = await Promise.all(urls.map(statusOf));
    inARow = statuses.every((status) => status === 200) ? inARow + 1 : 0;
    return inARow >= STEADY;
  });
}

async function statusOf(url: string): Promise<number | undefined> {
  try {
    const answer = await fetch(url);
    await answer.text();
    return answer.status;
  } catch {
    // Refused: nobody listens there yet.
    return undefined;
  }
}

async function underLoad(t: TestContext, deployment: Deployment, work: () => Promise<void>): Promise<void> {
  const urls = [await deployment.callAt('west', 'web-east'), await deployment.callAt('east', 'web-west')];
  for (const site of SITES) await deployment.untilProgrammed(site);
  await untilAnswered(urls);
  const load = new Load(urls);
  try {
    await work();
  } finally {
    await load.stop();
  }
  t.diagnostic(`${load.answered} requests answered, ${load.failures.length} failed`);
  assert.ok(load.answered > 100, `${load.answered} requests were answered`);
  assert.deepEqual(load.failures, []);
}

test('a running federation moves from its own store server to Valkey, to Redis and back, and no request fails', {
  timeout: 240_000,
}, async (t) => {
  const deployment = await Deployment.start(t);
  await using valkey = await startServer({ program: 'valkey' });
  // Without one of the distribution, a second Valkey shows the same of everything but the name.
  const program = hasProgram('redis', 'moving a federation to Redis') ? 'redis' : 'valkey';
  await using redis = await startServer({ program });
  await underLoad(t, deployment, async () => {
    await move(deployment, valkey.url, 'valkey');
    await rm(join(deployment.stateDir('east'), 'store-server'), { recursive: true });
    await move(deployment, redis.url, 'redis');
    await valkey.kill();
    await move(deployment, await deployment.startStoreServer(), 'server');
    await redis.kill();
    await deployment.exportNews('west', 'after');
    for (const site of SITES) await deployment.untilComplete(site);
  });
});
