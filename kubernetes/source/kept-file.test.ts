import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serviceKey } from '../../federation/model/ids.ts';
import type { LocalService, LocalView } from '../../federation/model/local.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { KeptFile, KeptFileError, type KeptFileInit } from './kept-file.ts';
import { viewFile } from './view-file.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isthmus-kept-'));
});
after(() => rm(folder, { recursive: true }));

function words(path: string): KeptFileInit<readonly string[]> {
  return {
    path,
    kind: 'words',
    schema: 1,
    encode: (list) => list.map((word) => JSON.stringify(word)),
    decode: (lines) => lines.map((line) => String(JSON.parse(line))),
  };
}

function open<T>(init: KeptFileInit<T>, clock = new ManualClock()): KeptFile<T> {
  return new KeptFile({ clock, log: silentLogger }, init);
}

async function keep<T>(init: KeptFileInit<T>, value: T): Promise<void> {
  const file = open(init);
  file.save(value);
  await file.close();
}

test('what was saved is read back, also when it is nothing or has line ends in it', async () => {
  for (const list of [[], ['one'], ['a\nb', 'ä', ''], Array.from({ length: 5_000 }, (_, at) => `word ${at} of many`)]) {
    const init = words(join(folder, 'deeper', 'words'));
    await keep(init, list);
    assert.deepEqual(await open(init).load(), list);
  }
});

test('without a file, or without a path, nothing is known', async () => {
  assert.equal(await open(words(join(folder, 'missing'))).load(), undefined);
  const nowhere = open({ ...words(''), path: undefined });
  nowhere.save(['a']);
  await nowhere.close();
  assert.equal(await nowhere.load(), undefined);
});

test('a file that was damaged anywhere, or cut short anywhere, is refused', async () => {
  const path = join(folder, 'damaged');
  await keep(words(path), ['one', 'two']);
  const whole = await readFile(path);
  for (let at = 0; at < whole.length; at += 1) {
    const bent = Uint8Array.from(whole);
    bent[at] = (bent[at] ?? 0) ^ 1;
    await writeFile(path, bent);
    await assert.rejects(open(words(path)).load(), KeptFileError, `octet ${at}`);
    await writeFile(path, whole.subarray(0, at));
    await assert.rejects(open(words(path)).load(), KeptFileError, `cut at ${at}`);
  }
});

test('a file of another schema or kind is refused', async () => {
  const path = join(folder, 'schema');
  await keep(words(path), ['one']);
  await assert.rejects(open({ ...words(path), schema: 2 }).load(), KeptFileError);
  await assert.rejects(open({ ...words(path), kind: 'other' }).load(), KeptFileError);
});

test('of many changes in a second only the newest is written', async () => {
  const clock = new ManualClock();
  const path = join(folder, 'burst');
  let encoded = 0;
  const init = words(path);
  const file = open({ ...init, encode: (list) => ((encoded += 1), init.encode(list)) }, clock);
  for (let at = 0; at < 100; at += 1) file.save([String(at)]);
  assert.equal(encoded, 0);
  await clock.advance(1_000);
  await file.close();
  assert.equal(encoded, 1);
  assert.deepEqual(await open(init).load(), ['99']);
});

test('a view comes back as it was', async () => {
  const service: LocalService = {
    key: serviceKey('default', 'shop'),
    namespace: 'default',
    name: 'shop',
    type: 'Headless',
    ports: [{ name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' }],
    sessionAffinity: 'None',
    exported: true,
    exportedAtMs: 1,
    labels: {},
    annotations: { note: 'line\nend' },
    grantedTo: [],
    endpoints: [{ address: '10.0.0.1', ports: { 80: 8080 }, ready: true, hostname: 'db-0' }],
  };
  const view: LocalView = { services: SortedMap.from([[service.key, service]]) };
  const init = viewFile(join(folder, 'view'));
  await keep(init, view);
  assert.deepEqual(await open(init).load(), view);
});
