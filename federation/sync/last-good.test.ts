import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { type ClusterId, parseClusterId } from '../model/ids.ts';
import { LastGood } from './last-good.ts';
import type { KeptCluster } from './peer-replica.ts';

const WEST = parseClusterId('west');

interface Disk {
  readonly dir: string;
  readonly clock: ManualClock;
  readonly metrics: Metrics;
  open(): LastGood;
}

async function disk(t: TestContext): Promise<Disk> {
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-last-good-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const clock = new ManualClock();
  const metrics = new Metrics();
  return { dir, clock, metrics, open: () => new LastGood({ log: silentLogger, clock, metrics }, { dir }) };
}

function kept(cluster: ClusterId, value: string): KeptCluster {
  const bytes = new TextEncoder().encode(value);
  const records = new Map([
    ['cluster', bytes],
    ['service/default/shop', new Uint8Array([0, 255, 10])],
  ]);
  return { cluster, signed: { bytes, signature: new Uint8Array(64), signerChain: 'ab' }, records, acceptedAtMs: 12.5 };
}

/** File work runs in real time: waits for the fact, at most some seconds. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 5_000; round++) {
    if (await holds()) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  assert.fail(`${what} did not come true`);
}

async function writesOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ ino }) => ino,
    () => 0,
  );
}

test('what was kept is loaded as it was, octet by octet', async (t) => {
  const d = await disk(t);
  const lastGood = d.open();
  lastGood.keep(kept(WEST, 'one'));
  lastGood.keep(kept(parseClusterId('north'), 'two'));
  lastGood.keepRoster(new Uint8Array([1, 2, 3]));
  await lastGood.close();
  const loaded = await d.open().load();
  assert.deepEqual(loaded.findings, []);
  assert.deepEqual(
    loaded.clusters.map((cluster) => cluster.cluster),
    ['north', 'west'],
  );
  const west = loaded.clusters[1];
  assert.ok(west);
  const plain = { ...kept(WEST, 'one') };
  assert.deepEqual([...west.signed.bytes], [...plain.signed.bytes]);
  assert.deepEqual(
    [...west.records].map(([key, bytes]) => [key, [...bytes]]),
    [...plain.records].map(([key, bytes]) => [key, [...bytes]]),
  );
  assert.equal(west.acceptedAtMs, 12.5);
  assert.deepEqual([...(loaded.roster ?? [])], [1, 2, 3]);
});

test('an empty folder loads as nothing known, without a finding', async (t) => {
  const d = await disk(t);
  assert.deepEqual(await d.open().load(), { roster: undefined, clusters: [], findings: [] });
});

test('changes within a second are one write, of the newest', async (t) => {
  const d = await disk(t);
  const lastGood = d.open();
  const path = join(d.dir, 'clusters', 'west');
  for (let value = 0; value < 50; value++) lastGood.keep(kept(WEST, `value-${value}`));
  await d.clock.advance(900);
  assert.equal(await writesOf(path), 0);
  await d.clock.advance(200);
  await until('the write', async () => (await writesOf(path)) !== 0);
  assert.match(await readFile(path, 'latin1'), /value-49/);
  await lastGood.close();
  assert.deepEqual(await readdir(join(d.dir, 'clusters')), ['west']);
});

test('one change rewrites one file', async (t) => {
  const d = await disk(t);
  const first = d.open();
  for (let index = 0; index < 20; index++) first.keep(kept(parseClusterId(`c-${index}`), 'one'));
  await first.close();
  const files = (await readdir(join(d.dir, 'clusters'))).map((name) => join(d.dir, 'clusters', name));
  const before = await Promise.all(files.map(writesOf));
  const second = d.open();
  second.keep(kept(parseClusterId('c-7'), 'two'));
  await second.close();
  const after = await Promise.all(files.map(writesOf));
  assert.equal(after.filter((inode, index) => inode !== before[index]).length, 1);
});

test('a damaged file gives way to the previous generation, with a finding, and is set aside', async (t) => {
  const d = await disk(t);
  const lastGood = d.open();
  lastGood.keep(kept(WEST, 'older'));
  await lastGood.close();
  lastGood.keep(kept(WEST, 'newer'));
  await lastGood.close();
  const path = join(d.dir, 'clusters', 'west');
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(path, bytes);
  const loaded = await d.open().load();
  assert.equal(new TextDecoder().decode(loaded.clusters[0]?.signed.bytes), 'older');
  assert.deepEqual(
    loaded.findings.map(({ reason }) => reason),
    ['LastGoodDamaged'],
  );
  assert.deepEqual((await readdir(join(d.dir, 'clusters'))).sort(), ['west.corrupt', 'west.prev']);
});

test('damage in every generation is a finding and nothing else', async (t) => {
  const d = await disk(t);
  await mkdir(join(d.dir, 'clusters'), { recursive: true });
  await writeFile(join(d.dir, 'clusters', 'west'), 'garbage');
  await writeFile(join(d.dir, 'clusters', 'west.prev'), '');
  await writeFile(join(d.dir, 'roster'), 'garbage');
  const loaded = await d.open().load();
  assert.deepEqual([loaded.clusters, loaded.roster], [[], undefined]);
  assert.deepEqual(
    loaded.findings.map(({ reason }) => reason),
    ['LastGoodLost', 'LastGoodLost'],
  );
});

test("one cluster's file under another's name is not taken for it", async (t) => {
  const d = await disk(t);
  const lastGood = d.open();
  lastGood.keep(kept(WEST, 'west'));
  await lastGood.close();
  await writeFile(join(d.dir, 'clusters', 'north'), await readFile(join(d.dir, 'clusters', 'west')));
  const loaded = await d.open().load();
  assert.deepEqual(
    loaded.clusters.map(({ cluster }) => cluster),
    ['west'],
  );
});

test('a disk that takes no writes is counted, keeps everything running, and is written when it can be', async (t) => {
  const d = await disk(t);
  const lastGood = d.open();
  // A folder in the place of the temporary file fails every write, for root too.
  const blocked = join(d.dir, 'clusters', 'west.tmp');
  await mkdir(blocked, { recursive: true });
  lastGood.keep(kept(WEST, 'one'));
  lastGood.keep(kept(parseClusterId('north'), 'two'));
  await lastGood.close();
  assert.match(await d.metrics.text(), /isthmus_cache_write_failed_total{file="last-good"} 1/);
  assert.deepEqual(
    (await d.open().load()).clusters.map(({ cluster }) => cluster),
    ['north'],
  );
  await rm(blocked, { recursive: true });
  await lastGood.close();
  assert.deepEqual(
    (await d.open().load()).clusters.map(({ cluster }) => cluster),
    ['north', 'west'],
  );
});

test('a cluster that a roster took away leaves nothing on disk', async (t) => {
  const d = await disk(t);
  const lastGood = d.open();
  lastGood.keep(kept(WEST, 'one'));
  await lastGood.close();
  lastGood.keep(kept(WEST, 'two'));
  await lastGood.close();
  lastGood.forget(WEST);
  await lastGood.close();
  assert.deepEqual(await readdir(join(d.dir, 'clusters')), []);
});
