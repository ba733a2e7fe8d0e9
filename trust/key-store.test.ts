import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { keyStoreConformance } from './key-store.conformance.ts';
import { FileKeyStore, MemoryKeyStore } from './key-store.ts';
import { ExposedFileError } from './private-file.ts';
import { InvalidKeyError, PrivateKey } from './private-key.ts';

const base = await mkdtemp(join(tmpdir(), 'isthmus-keys-'));
after(() => rm(base, { recursive: true, force: true }));
let folders = 0;

function newFolder(): string {
  return join(base, `store-${folders++}`, 'keys');
}

keyStoreConformance('memory', async () => new MemoryKeyStore());
keyStoreConformance('files', async () => new FileKeyStore(newFolder()));

test('keys are files for their owner alone, in a folder for its owner alone, with nothing left over', async () => {
  const folder = newFolder();
  await new FileKeyStore(folder).save('root', PrivateKey.generate());
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal((await stat(join(folder, 'root.pem'))).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder), ['root.pem']);
});

test('a key survives its process: another store on the same folder loads it', async () => {
  const folder = newFolder();
  const key = PrivateKey.generate();
  await new FileKeyStore(folder).save('root', key);
  assert.deepEqual((await new FileKeyStore(folder).load('root'))?.publicKey, key.publicKey);
});

test('a key that others may read is refused with its mode and what to do', async () => {
  const folder = newFolder();
  const store = new FileKeyStore(folder);
  await store.save('root', PrivateKey.generate());
  for (const mode of [0o640, 0o604, 0o660]) {
    await chmod(join(folder, 'root.pem'), mode);
    await assert.rejects(store.load('root'), (error) => {
      assert.ok(error instanceof ExposedFileError);
      assert.match(error.message, new RegExp(`root\\.pem has mode 0${mode.toString(8)}`));
      assert.match(error.hint ?? '', /^chmod 600 /);
      return true;
    });
  }
});

test('a folder that others may enter is refused for loading and for saving', async () => {
  const folder = newFolder();
  const store = new FileKeyStore(folder);
  await store.save('root', PrivateKey.generate());
  await chmod(folder, 0o750);
  await assert.rejects(store.load('root'), ExposedFileError);
  await assert.rejects(store.save('root', PrivateKey.generate()), ExposedFileError);
});

test('a damaged key is an error, never "no key", so that it is not replaced by a new one', async () => {
  const folder = newFolder();
  const store = new FileKeyStore(folder);
  await store.save('root', PrivateKey.generate());
  const path = join(folder, 'root.pem');
  const pem = await readFile(path, 'utf8');
  for (const text of ['', pem.slice(0, 80), pem.replace('PRIVATE', 'PUBLIC')]) {
    await writeFile(path, text);
    await assert.rejects(store.load('root'), InvalidKeyError);
  }
});

test('a link in place of a key is not followed', async () => {
  const folder = newFolder();
  const store = new FileKeyStore(folder);
  await store.save('root', PrivateKey.generate());
  await symlink('root.pem', join(folder, 'controller.pem'));
  await assert.rejects(store.load('controller'), { code: 'ELOOP' });
});

test('what a crash left half-written is neither loaded nor in the way', async () => {
  const folder = newFolder();
  const store = new FileKeyStore(folder);
  const key = PrivateKey.generate();
  await store.save('root', key);
  await writeFile(join(folder, '.root.pem.new'), 'half a key', { mode: 0o644 });
  assert.deepEqual((await store.load('root'))?.publicKey, key.publicKey);
  const next = PrivateKey.generate();
  await store.save('root', next);
  assert.deepEqual((await store.load('root'))?.publicKey, next.publicKey);
  assert.equal((await stat(join(folder, 'root.pem'))).mode & 0o777, 0o600);
});
