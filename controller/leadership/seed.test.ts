import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../runtime/log.ts';
import { type StateFolder, stateFolder } from '../state-folder.ts';
import { seedFolder } from './seed.ts';

async function rootOf(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'isthmus-seed-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  return root;
}

/** What a controller of that folder leaves behind, at a time of its own. */
async function remember(folder: StateFolder, what: string, atMs: number): Promise<void> {
  const files = [
    folder.marks,
    join(folder.lastGood, 'roster'),
    join(folder.lastGood, 'clusters', 'west'),
    folder.sourceMemory,
  ];
  for (const file of files) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, what, { mode: 0o600 });
  }
  await utimes(folder.marks, atMs / 1000, atMs / 1000);
}

async function recalled(folder: StateFolder): Promise<readonly string[]> {
  const files = [folder.marks, join(folder.lastGood, 'clusters', 'west'), folder.sourceMemory];
  return Promise.all(files.map((file) => readFile(file, 'utf8')));
}

async function seed(root: string, replica?: string): Promise<StateFolder> {
  const folder = stateFolder(root, replica);
  await mkdir(folder.own, { recursive: true });
  await seedFolder({ log: silentLogger }, { folder, isAlone: replica === undefined });
  return folder;
}

test('the first replica goes on from what the sole controller remembered, unreadable to others', async (t) => {
  const root = await rootOf(t);
  await remember(stateFolder(root), 'sole', 1_000);
  const a = await seed(root, 'a');
  assert.deepEqual(await recalled(a), ['sole', 'sole', 'sole']);
  assert.equal((await stat(a.marks)).mode & 0o077, 0);
});

test('a replica that comes later goes on from the one with the newest memory', async (t) => {
  const root = await rootOf(t);
  await remember(stateFolder(root), 'sole', 1_000);
  await remember(stateFolder(root, 'a'), 'a', 3_000);
  await remember(stateFolder(root, 'b'), 'b', 2_000);
  assert.deepEqual(await recalled(await seed(root, 'c')), ['a', 'a', 'a']);
});

test('a replica that has a memory keeps it', async (t) => {
  const root = await rootOf(t);
  await remember(stateFolder(root, 'a'), 'a', 3_000);
  await remember(stateFolder(root, 'b'), 'b', 2_000);
  assert.deepEqual(await recalled(await seed(root, 'b')), ['b', 'b', 'b']);
});

test('a controller that is the only one again goes on from its last replica', async (t) => {
  const root = await rootOf(t);
  await remember(stateFolder(root), 'sole', 1_000);
  await remember(stateFolder(root, 'a'), 'a', 3_000);
  assert.deepEqual(await recalled(await seed(root)), ['a', 'a', 'a']);
});

test('a sole controller whose memory is the newest keeps it, and a site without any starts', async (t) => {
  const root = await rootOf(t);
  await seed(root);
  await remember(stateFolder(root, 'a'), 'a', 1_000);
  await remember(stateFolder(root), 'sole', 2_000);
  assert.deepEqual(await recalled(await seed(root)), ['sole', 'sole', 'sole']);
});

test('a copy that a crash interrupted is made anew', async (t) => {
  const root = await rootOf(t);
  await remember(stateFolder(root), 'sole', 1_000);
  const a = stateFolder(root, 'a');
  await mkdir(join(a.own, 'seed.tmp'), { recursive: true });
  await mkdir(a.lastGood, { recursive: true });
  await seed(root, 'a');
  assert.deepEqual(await recalled(a), ['sole', 'sole', 'sole']);
});
