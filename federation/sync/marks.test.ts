import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import type { HighWaterMark } from '../model/candidate.ts';
import { parseClusterId } from '../model/ids.ts';
import { type LoadedMarks, Marks } from './marks.ts';

const WEST = parseClusterId('west');
const DIGEST = 'ab'.repeat(32);

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-marks-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

function load(path: string, metrics = new Metrics()): Promise<LoadedMarks> {
  return Marks.load({ log: silentLogger, metrics }, { path });
}

function mark(version: number, beat = 0): HighWaterMark {
  return { order: { incarnation: 1, epoch: 1, writerId: 'w', version, beat }, digest: DIGEST };
}

test('marks are on disk when the call that raised them returns', async (t) => {
  const path = join(await folder(t), 'state', 'marks.json');
  const { marks } = await load(path);
  await marks.takeEpoch(3);
  await marks.advance(WEST, mark(9));
  await marks.advanceRoster({ version: 4, digest: DIGEST });
  const again = (await load(path)).marks;
  assert.equal(again.own.epoch, 3);
  assert.deepEqual(again.peer(WEST), mark(9));
  assert.deepEqual(again.roster, { version: 4, digest: DIGEST });
});

test('who brings the same as another is not told before that is on disk', async (t) => {
  const path = join(await folder(t), 'marks.json');
  const { marks } = await load(path);
  void marks.advance(WEST, mark(9));
  await marks.advance(WEST, mark(9, 1));
  assert.deepEqual((await load(path)).marks.peer(WEST)?.order.version, 9);
  void marks.advanceRoster({ version: 4, digest: DIGEST });
  await marks.advanceRoster({ version: 4, digest: DIGEST });
  assert.equal((await load(path)).marks.roster?.version, 4);
});

test('a restart never hands out a version that may have been used, however many of a block were', async (t) => {
  const path = join(await folder(t), 'marks.json');
  for (const used of [1, 2, 3, 40, 64, 65, 130]) {
    const { marks } = await load(path);
    const first = marks.own.version + 1;
    let last = first;
    for (let version = first; version < first + used; version++) {
      await marks.reserveVersion(version);
      last = version;
    }
    const after = (await load(path)).marks.own.version;
    assert.ok(after >= last, `version ${last} was used, a restart would start above ${after}`);
  }
});

test('an epoch is never taken twice', async (t) => {
  const path = join(await folder(t), 'marks.json');
  const { marks } = await load(path);
  await marks.takeEpoch(2);
  await assert.rejects(marks.takeEpoch(2), { code: 'epoch-used' });
  await assert.rejects((await load(path)).marks.takeEpoch(1), { code: 'epoch-used' });
});

test('marks never go down', async (t) => {
  const { marks } = await load(join(await folder(t), 'marks.json'));
  await marks.advance(WEST, mark(9));
  await marks.advance(WEST, mark(8));
  await marks.advanceRoster({ version: 4, digest: DIGEST });
  await marks.advanceRoster({ version: 3, digest: DIGEST });
  assert.equal(marks.peer(WEST)?.order.version, 9);
  assert.equal(marks.roster?.version, 4);
});

test('a beat is remembered and goes to disk with the next change', async (t) => {
  const path = join(await folder(t), 'marks.json');
  const { marks } = await load(path);
  await marks.advance(WEST, mark(9, 0));
  await marks.advance(WEST, mark(9, 5));
  assert.equal((await load(path)).marks.peer(WEST)?.order.beat, 0);
  await marks.close();
  assert.equal((await load(path)).marks.peer(WEST)?.order.beat, 5);
});

test('a damaged file gives way to the generation before it, and skips what the lost one may have used', async (t) => {
  const path = join(await folder(t), 'marks.json');
  const { marks } = await load(path);
  await marks.takeEpoch(7);
  await marks.reserveVersion(100);
  await marks.takeEpoch(8);
  const used = marks.own;
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"own', '"oxn'));
  const { marks: recovered, findings } = await load(path);
  assert.deepEqual(
    findings.map(({ reason }) => reason),
    ['MarksDamaged'],
  );
  assert.ok(recovered.own.epoch >= used.epoch, 'the epoch that the lost generation had taken is not taken again');
  assert.ok(recovered.own.version >= used.version);
  await recovered.takeEpoch(recovered.own.epoch + 1);
  assert.deepEqual((await load(path)).findings, []);
  assert.equal(await readFile(`${path}.corrupt`, 'utf8'), text.replace('"own', '"oxn'));
});

test('a crash between the two renames of a write loses nothing', async (t) => {
  const path = join(await folder(t), 'marks.json');
  const { marks } = await load(path);
  await marks.takeEpoch(7);
  await rename(path, `${path}.prev`);
  const { marks: recovered } = await load(path);
  assert.ok(recovered.own.epoch >= 7);
});

test('a torn write of the next generation is not even looked at', async (t) => {
  const path = join(await folder(t), 'marks.json');
  const { marks } = await load(path);
  await marks.takeEpoch(7);
  await writeFile(`${path}.tmp`, '{"format":1,"sha');
  const { marks: recovered, findings } = await load(path);
  assert.deepEqual([recovered.own.epoch, findings.length], [7, 0]);
});

test('damage in every generation starts from nothing and says where the numbers come from', async (t) => {
  const path = join(await folder(t), 'marks.json');
  await writeFile(path, 'garbage');
  await writeFile(`${path}.prev`, '');
  const { marks, findings } = await load(path);
  assert.deepEqual(marks.own, { epoch: 0, version: 0 });
  assert.equal(findings[0]?.reason, 'MarksLost');
  assert.match(findings[0]?.message ?? '', /own head in the store/);
});

test('a disk that takes no writes refuses a new epoch, counts the rest, and stops nothing', async (t) => {
  const dir = await folder(t);
  const metrics = new Metrics();
  // A folder in the place of the temporary file fails every write, for root too.
  const path = join(dir, 'marks.json');
  await mkdir(`${path}.tmp`);
  const { marks } = await load(path, metrics);
  await assert.rejects(marks.takeEpoch(1), { code: 'marks-not-durable' });
  await marks.reserveVersion(1);
  await marks.advance(WEST, mark(2));
  assert.equal(marks.peer(WEST)?.order.version, 2);
  assert.match(await metrics.text(), /isthmus_cache_write_failed_total{file="marks"} 2/);
  await rm(`${path}.tmp`, { recursive: true });
  await marks.advance(WEST, mark(3));
  assert.equal((await load(path)).marks.peer(WEST)?.order.version, 3);
});

test('callers that come together share one write', async (t) => {
  const path = join(await folder(t), 'marks.json');
  const { marks } = await load(path);
  await Promise.all(Array.from({ length: 200 }, (_, index) => marks.advance(parseClusterId(`c-${index}`), mark(1))));
  const again = (await load(path)).marks;
  assert.ok(Array.from({ length: 200 }, (_, index) => again.peer(parseClusterId(`c-${index}`))).every(Boolean));
});
