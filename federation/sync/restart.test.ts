import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { type ClusterId, parseClusterId, serviceKey } from '../model/ids.ts';
import { ClustersetFixture, makeReader, makeWriter, type Reader, recordsOf, rim } from './clusterset.fixture.ts';
import { LastGood } from './last-good.ts';
import { Marks } from './marks.ts';
import type { Publisher } from './publisher.ts';
import { POLL_INTERVAL_MS } from './subscriber.ts';
import { backUp, MemoryShelf, UnrulyStore } from './unruly-store.fixture.ts';

const EAST = parseClusterId('east');
const WEST = parseClusterId('west');
const SHOP = serviceKey('default', 'shop');
const DAY_MS = 86_400_000;
const clusterset = new ClustersetFixture(['east', 'west']);

/** One run of a reader's process over a state folder that outlives it. */
interface Run {
  readonly reader: Reader;
  readonly link: UnrulyStore;
  /** A clean stop: what waits is written. */
  stop(): Promise<void>;
  /** Power off: nothing more is written. */
  crash(): Promise<void>;
}

interface Machine {
  readonly dir: string;
  readonly clock: ManualClock;
  readonly shelf: MemoryShelf;
  readonly west: Publisher;
  run(link?: UnrulyStore['faults']['link']): Promise<Run>;
}

async function machine(t: TestContext): Promise<Machine> {
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-restart-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const clock = new ManualClock();
  const shelf = new MemoryShelf();
  const link = (seed: number): UnrulyStore => new UnrulyStore({ clock, random: new SeededRandom(seed) }, shelf);
  const store = link(1);
  await clusterset.putRoster(store, clusterset.roster(1));
  const west = await makeWriter(clusterset, { ...rim(clock), store }, WEST);
  t.after(() => west.close());
  west.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(10);
  const run = async (state: UnrulyStore['faults']['link'] = 'up'): Promise<Run> => {
    const own = link(2);
    own.faults.link = state;
    const components = { ...rim(clock, 3), store: own };
    const { marks } = await Marks.load(components, { path: join(dir, 'marks.json') });
    const keeper = new LastGood(components, { dir: join(dir, 'last-good') });
    const reader = await makeReader(clusterset, { ...components, marks, keeper }, EAST);
    reader.subscriber.restore(await keeper.load());
    reader.subscriber.start();
    const crash = (): Promise<void> => reader.subscriber.close();
    const stop = async (): Promise<void> => {
      await crash();
      await Promise.all([keeper.close(), marks.close()]);
    };
    return { reader, link: own, stop, crash };
  };
  return { dir, clock, shelf, west, run };
}

function ready(reader: Reader, cluster: ClusterId = WEST): number | undefined {
  return reader.subscriber.views.get(cluster)?.services.get(SHOP)?.ready[0]?.ready;
}

const TAKEN_WITHIN_MS = 15_000;
/** So seldom the clock moves while a real disk is waited for: what is timed must not happen meanwhile. */
const ROUNDS_PER_MS = 100;

/** Marks go to a real disk: waits for what the store tells to be taken, at most some seconds of real time. */
async function taken(m: Machine, run: Run, value: number): Promise<void> {
  await until(m, () => ready(run.reader) === value);
  assert.equal(ready(run.reader), value);
}

async function until(m: Machine, isSo: () => boolean): Promise<void> {
  const giveUpAtMs = performance.now() + TAKEN_WITHIN_MS;
  for (let round = 1; !isSo() && performance.now() < giveUpAtMs; round++) {
    await m.clock.advance(round % ROUNDS_PER_MS === 0 ? 1 : 0);
  }
}

test('a restart with a dark store serves what was served before, at once', async (t) => {
  const m = await machine(t);
  const first = await m.run();
  await taken(m, first, 1);
  await first.stop();
  for (const link of ['down', 'hung'] as const) {
    const again = await m.run(link);
    assert.equal(ready(again.reader), 1);
    assert.deepEqual(
      again.reader.events.map((event) => [event.kind, 'origin' in event && event.origin]),
      [
        ['roster', 'disk'],
        ['view', 'disk'],
      ],
    );
    await again.stop();
  }
});

test('a signer that has expired since takes nothing away from a restart', async (t) => {
  const m = await machine(t);
  const first = await m.run();
  await taken(m, first, 1);
  await first.stop();
  await m.west.close();
  await m.clock.advance(400 * DAY_MS);
  const again = await m.run('down');
  assert.equal(ready(again.reader), 1);
  await again.stop();
});

test('news that came while it was away is taken after a restart, and is no proof of life by itself', async (t) => {
  const m = await machine(t);
  const first = await m.run();
  await taken(m, first, 1);
  await first.stop();
  m.west.publish(recordsOf({ shop: 2 }), 'availability');
  await m.clock.advance(10);
  const again = await m.run();
  await taken(m, again, 2);
  assert.deepEqual(again.reader.of('beat'), []);
  await m.clock.advance(3_100);
  assert.equal(again.reader.of('beat').length, 1);
  await again.stop();
});

test('over a crash a reader takes nothing older than what it had used, although its state on disk lags behind', async (t) => {
  const m = await machine(t);
  const first = await m.run();
  await taken(m, first, 1);
  await first.stop();
  const second = await m.run();
  const restore = backUp(m.shelf);
  m.west.publish(recordsOf({ shop: 2 }), 'availability');
  await taken(m, second, 2);
  await second.crash();
  await m.west.close();
  // The disk holds shop=1 and the mark of shop=2; the store has gone back to shop=1 with a beat of its own.
  restore();
  const again = await m.run();
  await m.clock.advance(5_000);
  assert.equal(ready(again.reader), 1, 'what is on disk is served');
  assert.deepEqual(
    again.reader.of('view').map(({ origin }) => origin),
    ['disk'],
  );
  assert.ok(again.reader.of('rejected').some(({ reason }) => reason === 'Rollback'));
  await again.stop();
});

test('over a crash the very version that was used last is taken again from the store', async (t) => {
  const m = await machine(t);
  const first = await m.run();
  await taken(m, first, 1);
  m.west.publish(recordsOf({ shop: 2 }), 'availability');
  await taken(m, first, 2);
  await first.crash();
  const again = await m.run();
  await taken(m, again, 2);
  assert.deepEqual(again.reader.of('rejected'), []);
  await again.stop();
});

test('with the state on disk lost, the marks still keep the reader from going back', async (t) => {
  const m = await machine(t);
  const restore = backUp(m.shelf);
  const first = await m.run();
  m.west.publish(recordsOf({ shop: 2 }), 'availability');
  await taken(m, first, 2);
  await first.stop();
  await m.west.close();
  await rm(join(m.dir, 'last-good'), { recursive: true });
  restore();
  const again = await m.run();
  await m.clock.advance(5_000);
  assert.equal(ready(again.reader), undefined);
  assert.ok(again.reader.of('rejected').some(({ reason }) => reason === 'Rollback'));
  await again.stop();
});

test('a version between the state on disk and its mark is refused: it had been left behind before the crash', async (t) => {
  const m = await machine(t);
  const first = await m.run();
  await taken(m, first, 1);
  await first.stop();
  const second = await m.run();
  m.west.publish(recordsOf({ shop: 2 }), 'availability');
  await taken(m, second, 2);
  const restore = backUp(m.shelf);
  m.west.publish(recordsOf({ shop: 3 }), 'availability');
  await taken(m, second, 3);
  await second.crash();
  await m.west.close();
  restore();
  const again = await m.run();
  await m.clock.advance(5_000);
  assert.equal(ready(again.reader), 1);
  assert.ok(again.reader.of('rejected').some(({ reason }) => reason === 'Rollback'));
  await again.stop();
});

test('with the marks lost, the state on disk still keeps the reader from going back', async (t) => {
  const m = await machine(t);
  const restore = backUp(m.shelf);
  const first = await m.run();
  m.west.publish(recordsOf({ shop: 2 }), 'availability');
  await taken(m, first, 2);
  await first.stop();
  await m.west.close();
  for (const name of ['marks.json', 'marks.json.prev']) await rm(join(m.dir, name), { force: true });
  restore();
  const again = await m.run();
  await m.clock.advance(5_000);
  assert.equal(ready(again.reader), 2);
  await again.stop();
});

test('a damaged state file serves the previous generation, and the store brings the rest', async (t) => {
  const m = await machine(t);
  const first = await m.run();
  await taken(m, first, 1);
  await first.stop();
  const second = await m.run();
  m.west.publish(recordsOf({ shop: 2 }), 'availability');
  await taken(m, second, 2);
  await second.stop();
  const path = join(m.dir, 'last-good', 'clusters', 'west');
  await writeFile(path, (await readFile(path)).subarray(0, 100));
  const dark = await m.run('down');
  assert.equal(ready(dark.reader), 1);
  dark.link.faults.link = 'up';
  await m.clock.advance(POLL_INTERVAL_MS * 1.25);
  await taken(m, dark, 2);
  await dark.stop();
});

test('a state file with a good checksum and a forged head is refused like a forged store', async (t) => {
  const m = await machine(t);
  const first = await m.run();
  await taken(m, first, 1);
  await first.stop();
  const components = rim(m.clock);
  const lastGood = new LastGood(components, { dir: join(m.dir, 'last-good') });
  const [kept] = (await lastGood.load()).clusters;
  assert.ok(kept, 'west was kept');
  lastGood.keep({ ...kept, signed: { ...kept.signed, signature: new Uint8Array(64) } });
  await lastGood.close();
  const again = await m.run('down');
  assert.equal(ready(again.reader), undefined);
  assert.deepEqual(
    again.reader.of('rejected').map(({ clause }) => clause),
    ['signature'],
  );
  await again.stop();
});

test('a cluster that the roster on disk no longer lists is not restored', async (t) => {
  const m = await machine(t);
  const first = await m.run();
  await taken(m, first, 1);
  const without = clusterset.roster(2, (member) => (member.cluster === WEST ? undefined : member));
  await clusterset.putRoster(first.link, without);
  await until(m, () => ready(first.reader) === undefined);
  await first.stop();
  const again = await m.run('down');
  assert.equal(again.reader.follower.version, 2);
  assert.equal(ready(again.reader), undefined);
  await again.stop();
});
