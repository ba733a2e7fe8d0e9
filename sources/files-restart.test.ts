import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSource, service, summary, temporaryFolder, TIMEOUT } from './files.fixture.ts';

test(
  'after a restart a broken file still has its last good services and the time of its export',
  TIMEOUT,
  async (t) => {
    const folder = await temporaryFolder(t);
    const memory = join(await temporaryFolder(t), 'services.json');
    const first = openSource(t, folder, [folder], memory);
    await first.write('a.yaml', service('web'));
    const [before] = (await first.source.start()).services.values();
    await first.source.close();
    await first.write('a.yaml', 'spec: [\n');
    const second = openSource(t, folder, [folder], memory);
    const [after] = (await second.source.start()).services.values();
    assert.deepEqual(after, before);
    assert.ok(before !== undefined && before.exportedAtMs > 0);
    assert.deepEqual([...new Set(second.source.findings.map(({ reason }) => reason))], ['InvalidYaml']);
  },
);

test('after a restart without its folder the last good services stay', TIMEOUT, async (t) => {
  const parent = await temporaryFolder(t);
  const folder = join(parent, 'services');
  await mkdir(folder);
  const memory = join(parent, 'memory.json');
  const first = openSource(t, folder, [folder], memory);
  await first.write('a.yaml', service('web'));
  await first.source.start();
  await first.source.close();
  await rm(folder, { recursive: true });
  const second = openSource(t, folder, [folder], memory);
  assert.equal(summary(await second.source.start()), 'web=10.0.0.1');
});

test('a corrupt memory is no reason not to start, and is replaced', TIMEOUT, async (t) => {
  const folder = await temporaryFolder(t);
  const memory = join(await temporaryFolder(t), 'services.json');
  await writeFile(memory, '{"schema": 1, "firstSeen": ');
  const { source, write } = openSource(t, folder, [folder], memory);
  await write('a.yaml', service('web'));
  assert.equal(summary(await source.start()), 'web=10.0.0.1');
  await source.close();
  assert.deepEqual(Object.keys(JSON.parse(await readFile(memory, 'utf8')) as object), ['schema', 'firstSeen', 'files']);
});

test(
  'since when a service is exported is what another process of the site has told, and stays so',
  TIMEOUT,
  async (t) => {
    const folder = await temporaryFolder(t);
    const memory = join(await temporaryFolder(t), 'services.json');
    const first = openSource(t, folder, [folder], memory);
    await first.write('a.yaml', service('web'));
    const [before] = (await first.source.start()).services.values();
    assert.ok(before !== undefined);
    let told = 0;
    first.source.onChange(() => (told += 1));
    await first.source.adoptFirstSeen(new Map([[before.key, 1_000]]));
    assert.equal(first.source.view.services.get(before.key)?.exportedAtMs, 1_000);
    assert.equal(told, 1);
    await first.source.adoptFirstSeen(new Map([[before.key, 1_000]]));
    assert.equal(told, 1);
    await first.source.close();
    const second = openSource(t, folder, [folder], memory);
    assert.equal((await second.source.start()).services.get(before.key)?.exportedAtMs, 1_000);
  },
);
