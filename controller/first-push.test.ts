import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClusterId, parseClusterId } from '../federation/model/ids.ts';
import type { StoreList } from '../federation/store/several.ts';
import { ClustersetFixture, makeWriter, recordsOf, rim } from '../federation/sync/clusterset.fixture.ts';
import { MemoryShelf, UnrulyStore } from '../federation/sync/unruly-store.fixture.ts';
import { ManualClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { SeededRandom } from '../runtime/random.ts';
import { untilFirstSync } from './first-push.ts';
import { FirstSync } from './first-sync.ts';

const WEST = parseClusterId('west');
const NORTH = parseClusterId('north');
const clusterset = new ClustersetFixture(['north', 'west']);

interface Stage {
  readonly clock: ManualClock;
  readonly old: UnrulyStore;
  readonly new: UnrulyStore;
  readonly firstSync: FirstSync;
  run(): void;
}

/** West has published in the old store; the new one is empty. Nothing is on disk. */
async function stage(members: readonly ClusterId[] = [WEST]): Promise<Stage> {
  const clock = new ManualClock();
  const link = (seed: number): UnrulyStore =>
    new UnrulyStore({ clock, random: new SeededRandom(seed) }, new MemoryShelf());
  const [old, fresh] = [link(1), link(2)];
  const west = await makeWriter(clusterset, { ...rim(clock), store: old }, WEST);
  west.publish(recordsOf({}), 'availability');
  await clock.advance(10);
  await west.close();
  const firstSync = new FirstSync();
  firstSync.know(members);
  firstSync.begin();
  const store: StoreList = [
    { name: 'old', store: old },
    { name: 'new', store: fresh },
  ];
  const run = (): void => {
    const { signal } = new AbortController();
    void untilFirstSync({ store, clock, log: silentLogger, firstSync }, { signal, onProgress: () => undefined });
  };
  return { clock, old, new: fresh, firstSync, run };
}

test('what an empty new store does not list is not believed to be nowhere while the old one has not told', async () => {
  const s = await stage();
  s.old.faults.link = 'down';
  s.run();
  await s.clock.advance(5_000);
  assert.equal(s.firstSync.complete, false);
  s.old.faults.link = 'up';
  await s.clock.advance(1_000);
  assert.equal(s.firstSync.complete, false, 'west is in the old store and was not read yet');
  s.firstSync.heard(WEST);
  assert.equal(s.firstSync.complete, true);
  assert.deepEqual(s.firstSync.missed, []);
});

test('who is in none of the stores is not waited for', async () => {
  const s = await stage([NORTH]);
  s.run();
  await s.clock.advance(1_000);
  assert.equal(s.firstSync.complete, true);
  assert.deepEqual(s.firstSync.missed, []);
});

test('a store that never answers holds up the gateways for a bounded time only', async () => {
  const s = await stage();
  s.old.faults.link = 'hung';
  s.run();
  await s.clock.advance(14_000);
  assert.equal(s.firstSync.complete, false);
  await s.clock.advance(5_000);
  assert.equal(s.firstSync.complete, true);
  assert.deepEqual(s.firstSync.missed, [WEST], 'nobody has said that west never published');
  assert.equal(s.firstSync.message, 'gateways were programmed without west');
});
