import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseClusterId } from '../federation/model/ids.ts';
import { MemoryShelf, MemoryStore } from '../federation/store/memory.ts';
import { ClustersetFixture, recordsOf } from '../federation/sync/clusterset.fixture.ts';
import { Marks } from '../federation/sync/marks.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { SystemRandom } from '../runtime/random.ts';
import { Writer } from './writer.ts';

const EAST = parseClusterId('east');
const clock = new SystemClock();

class Site {
  readonly shelf = new MemoryShelf();
  readonly store = new MemoryStore({ clock }, { shelf: this.shelf });
  readonly fixture = new ClustersetFixture(['east'], clock.epochMs());
  readonly #t: TestContext;

  constructor(t: TestContext) {
    this.#t = t;
  }

  async writer(marksPath?: string, beforeStart?: () => Promise<void>): Promise<Writer> {
    const components = { clock, random: new SystemRandom(), log: silentLogger, metrics: new Metrics() };
    const { marks } = await Marks.load(components, marksPath === undefined ? {} : { path: marksPath });
    const { key, chain } = this.fixture.signer(EAST);
    const writer = new Writer(
      { ...components, store: this.store, marks },
      {
        cluster: EAST,
        writerId: 'east-0',
        roster: () => this.fixture.roster(1),
        signing: () => ({ key, chain: [], record: chain, notAfterMs: 0 }),
        records: () => recordsOf({ web: 1 }),
      },
    );
    this.#t.after(() => writer.close());
    await beforeStart?.();
    writer.begin();
    return writer;
  }

  async untilEpoch(epoch: number): Promise<void> {
    while ((await this.store.read(EAST))?.order.epoch !== epoch) await clock.sleep(5);
  }
}

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-writer-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('a writer whose marks are lost goes on above the epoch of its own head in the store', async (t) => {
  const site = new Site(t);
  await site.writer();
  await site.untilEpoch(1);
  await site.writer();
  await site.untilEpoch(2);
});

test('a writer whose state folder is an old back-up goes on above what it wrote since', async (t) => {
  const site = new Site(t);
  const path = join(await folderOf(t), 'marks.json');
  const first = await site.writer(path);
  await site.untilEpoch(1);
  await first.close();
  const backUp = await readFile(path);
  for (const epoch of [2, 3]) {
    const writer = await site.writer(path);
    await site.untilEpoch(epoch);
    await writer.close();
  }
  await writeFile(path, backUp);
  await site.writer(path);
  await site.untilEpoch(4);
});

test('a writer that was replaced stops writing and says so', async (t) => {
  const site = new Site(t);
  const first = await site.writer();
  await site.untilEpoch(1);
  await site.writer();
  await site.untilEpoch(2);
  first.publish(recordsOf({ web: 2 }), 'availability');
  while (first.state.kind !== 'fenced') await clock.sleep(5);
  first.publish(recordsOf({ web: 3 }), 'availability');
  assert.equal((await site.store.read(EAST))?.order.epoch, 2);
});

test('a writer that cannot make its epoch durable says why, and writes as soon as it can', async (t) => {
  const site = new Site(t);
  const folder = await folderOf(t);
  const blocked = join(folder, 'blocked');
  const block = (): Promise<void> => writeFile(blocked, 'a file where a folder should be');
  const writer = await site.writer(join(blocked, 'marks.json'), block);
  while (writer.state.kind === 'waiting' && !writer.state.message.includes('could not write')) await clock.sleep(5);
  assert.equal(writer.state.kind, 'waiting');
  await rm(blocked);
  while ((await site.store.read(EAST)) === undefined) await clock.sleep(5);
  assert.equal(writer.state.kind, 'writing');
});

test('closing a writer that still waits for the store leaves nothing behind', async (t) => {
  const site = new Site(t);
  await site.store[Symbol.asyncDispose]();
  const writer = await site.writer();
  await writer.close();
  assert.equal(writer.publisher, undefined);
});

test('a writer that was closed takes no office any more', async (t) => {
  const site = new Site(t);
  const writer = await site.writer();
  await site.untilEpoch(1);
  await writer.close();
  writer.begin({ transitions: 5 });
  await clock.sleep(50);
  assert.equal(writer.state.kind, 'standby');
  assert.equal((await site.store.read(EAST))?.order.epoch, 1);
});
