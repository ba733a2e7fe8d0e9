import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSource, rig, service, shows, summary, temporaryFolder, TIMEOUT } from './files.fixture.ts';

test('the first view has every valid file, and the findings of the others', TIMEOUT, async (t) => {
  const { source, write } = await rig(t);
  await write('a.yaml', service('web'));
  await write('b.yaml', 'kind: Nonsense\n');
  await write('notes.txt', 'not ours');
  assert.equal(summary(await source.start()), 'web=10.0.0.1');
  assert.deepEqual(
    source.findings.map(({ reason }) => reason),
    ['UnknownKind'],
  );
});

test('a written, a replaced and a new file are seen', TIMEOUT, async (t) => {
  const { folder, source, write, until } = await rig(t);
  await write('a.yaml', service('web'));
  await source.start();
  await write('a.yaml', service('web', ['10.0.0.2']));
  await until(shows('web=10.0.0.2'));
  await write('.a.tmp', service('web', ['10.0.0.3']));
  await rename(join(folder, '.a.tmp'), join(folder, 'a.yaml'));
  await until(shows('web=10.0.0.3'));
  await write('b.yaml', service('db'));
  await until(shows('db=10.0.0.1 web=10.0.0.3'));
});

test('the last endpoint may go, and come back', TIMEOUT, async (t) => {
  const { source, write, until } = await rig(t);
  await write('a.yaml', service('web'));
  await source.start();
  await write('a.yaml', service('web', []));
  await until(shows('web='));
  await write('a.yaml', service('web'));
  await until(shows('web=10.0.0.1'));
});

test('an invalid file keeps its own last good services, with findings, while other files go on', TIMEOUT, async (t) => {
  const { folder, source, write, until, metrics } = await rig(t);
  await write('a.yaml', service('web'));
  await write('b.yaml', service('db'));
  const before = await source.start();
  await write('a.yaml', service('web', ['nonsense']));
  await until((_view, findings) => findings.length === 1);
  assert.equal(source.view, before, 'the view is the same object');
  const [finding] = source.findings;
  assert.deepEqual(
    [finding?.file, finding?.line, finding?.field, finding?.reason],
    [join(folder, 'a.yaml'), 7, 'spec.endpoints[0].address', 'InvalidAddress'],
  );
  assert.match(await metrics.text(), /^isthmus_files_source_findings 1$/m);
  await write('b.yaml', service('db', ['10.0.0.9']));
  await until(shows('db=10.0.0.9 web=10.0.0.1'));
  await write('a.yaml', service('web', ['10.0.0.5']));
  await until((view, findings) => shows('db=10.0.0.9 web=10.0.0.5')(view) && findings.length === 0);
});

test('an emptied file is one that is being written, not one without services', TIMEOUT, async (t) => {
  const { source, write, until } = await rig(t);
  await write('a.yaml', service('web'));
  await source.start();
  await write('a.yaml', '');
  await until((_view, findings) => findings.some(({ reason }) => reason === 'EmptyFile'));
  assert.equal(summary(source.view), 'web=10.0.0.1');
});

test('a file cut in the middle of an address is not believed until it stays so', TIMEOUT, async (t) => {
  const { source, write, until } = await rig(t);
  await write('a.yaml', service('web', ['10.0.0.12']));
  await source.start();
  const seen: string[] = [];
  source.onChange((view) => seen.push(summary(view)));
  const text =
    'apiVersion: isthmus.dev/v1alpha1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports: [{port: 80}]\n  endpoints:\n  - address: 10.0.0.1';
  await write('a.yaml', text);
  await write('a.yaml', `${text}3\n`);
  await until(shows('web=10.0.0.13'));
  assert.deepEqual(seen, ['web=10.0.0.13']);
  await write('a.yaml', text);
  await until(shows('web=10.0.0.1'));
});

test('a deleted file takes its services along, one that comes right back does not', TIMEOUT, async (t) => {
  const { folder, source, write, until } = await rig(t);
  await write('a.yaml', service('web'));
  await write('b.yaml', service('db'));
  await source.start();
  const seen: string[] = [];
  source.onChange((view) => seen.push(summary(view)));
  await rm(join(folder, 'a.yaml'));
  await write('a.yaml', service('web', ['10.0.0.2']));
  await until(shows('db=10.0.0.1 web=10.0.0.2'));
  await rm(join(folder, 'a.yaml'));
  await until(shows('db=10.0.0.1'));
  assert.deepEqual(seen, ['db=10.0.0.1 web=10.0.0.2', 'db=10.0.0.1']);
});

test('a folder that vanishes is unknown, not empty, and is watched again when it returns', TIMEOUT, async (t) => {
  const parent = await temporaryFolder(t);
  const folder = join(parent, 'services');
  await mkdir(folder);
  await writeFile(join(folder, 'a.yaml'), service('web'));
  const { source, until, write } = openSource(t, folder, [folder]);
  await source.start();
  await rename(folder, join(parent, 'elsewhere'));
  await until((_view, findings) => findings.some(({ reason }) => reason === 'FolderMissing'));
  assert.equal(summary(source.view), 'web=10.0.0.1');
  await mkdir(folder);
  await write('a.yaml', service('web', ['10.0.0.2']));
  await until((view, findings) => shows('web=10.0.0.2')(view) && findings.length === 0);
  await write('a.yaml', service('web', ['10.0.0.3']));
  await until(shows('web=10.0.0.3'));
});

test('contents swapped by a link, as Kubernetes mounts do, are seen', TIMEOUT, async (t) => {
  const { folder, source, until } = await rig(t);
  for (const [name, address] of [
    ['v1', '10.0.0.1'],
    ['v2', '10.0.0.2'],
  ] as const) {
    await mkdir(join(folder, `..${name}`));
    await writeFile(join(folder, `..${name}`, 'a.yaml'), service('web', [address]));
  }
  await symlink('..v1', join(folder, '..data'));
  await symlink('..data/a.yaml', join(folder, 'a.yaml'));
  assert.equal(summary(await source.start()), 'web=10.0.0.1');
  await symlink('..v2', join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  await until(shows('web=10.0.0.2'));
});

test('single files and patterns are watched like folders, also before they exist', TIMEOUT, async (t) => {
  const folder = await temporaryFolder(t);
  const { source, write, until } = openSource(t, folder, [join(folder, 'one.yaml'), join(folder, 'svc-*.yaml')]);
  assert.equal(summary(await source.start()), '');
  await write('one.yaml', service('one'));
  await write('svc-2.yaml', service('two'));
  await write('other.yaml', service('other'));
  await until(shows('one=10.0.0.1 two=10.0.0.1'));
});

test('what is no small text file is a finding, not a crash', TIMEOUT, async (t) => {
  const { folder, source, write } = await rig(t);
  await mkdir(join(folder, 'dir.yaml'));
  await writeFile(join(folder, 'huge.yaml'), Buffer.alloc(10 * 1024 * 1024, '#'));
  await writeFile(join(folder, 'latin1.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe9, 0x0a]));
  await symlink('/dev/zero', join(folder, 'zero.yaml'));
  await symlink('loop.yaml', join(folder, 'loop.yaml'));
  await write('web.yaml', service('web'));
  assert.equal(summary(await source.start()), 'web=10.0.0.1');
  assert.deepEqual(
    source.findings.map(({ file, reason }) => [file?.slice(folder.length + 1), reason]),
    [
      ['dir.yaml', 'NotAFile'],
      ['huge.yaml', 'FileTooLarge'],
      ['latin1.yaml', 'InvalidEncoding'],
      ['loop.yaml', 'UnreadableFile'],
      ['zero.yaml', 'NotAFile'],
    ],
  );
});

test('two hundred changes are each seen in the end, and the last one wins', TIMEOUT, async (t) => {
  const { source, write, until } = await rig(t);
  await write('a.yaml', service('web'));
  await source.start();
  for (let change = 0; change < 200; change++) await write('a.yaml', service('web', [`10.0.1.${change}`]));
  await until(shows('web=10.0.1.199'));
});

test('after close nothing is told any more', TIMEOUT, async (t) => {
  const { source, write } = await rig(t);
  await write('a.yaml', service('web'));
  await source.start();
  source.onChange(() => assert.fail('told after close'));
  await source.close();
  await write('a.yaml', service('web', ['10.0.0.2']));
  assert.equal(summary(source.view), 'web=10.0.0.1');
});
