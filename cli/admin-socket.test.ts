import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { adminSocket, type AskSocket } from './admin-socket.ts';

/** A state folder with sockets in name only, and what asking each of them gives. */
async function folderWith(t: TestContext, sockets: Readonly<Record<string, unknown>>) {
  const root = await mkdtemp(join(tmpdir(), 'isthmus-socket-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const path of Object.keys(sockets)) {
    await mkdir(join(root, path), { recursive: true });
    await writeFile(join(root, path, 'admin.sock'), '');
  }
  const ask = async (socketPath: string): Promise<string> => {
    const answer = Object.entries(sockets).find(([path]) => join(root, path, 'admin.sock') === socketPath)?.[1];
    if (answer === undefined) throw new Error('nobody there');
    if (answer === 'hangs') return new Promise(() => undefined);
    return JSON.stringify({ kind: answer });
  };
  const chosen = (await adminSocket(root, ask)).slice(root.length + 1);
  return chosen;
}

test('a state folder without replicas has one socket, which is named even when nobody listens', async (t) => {
  assert.equal(await folderWith(t, {}), 'admin.sock');
});

test('of several replicas the one that leads is asked, whatever the others do', async (t) => {
  assert.equal(
    await folderWith(t, { 'replicas/a': 'hangs', 'replicas/b': 'leader', 'replicas/c': undefined }),
    'replicas/b/admin.sock',
  );
});

test('when none leads, one that answers is asked', async (t) => {
  assert.equal(
    await folderWith(t, { 'replicas/a': undefined, 'replicas/b': 'unknown', 'replicas/c': 'unknown' }),
    'replicas/b/admin.sock',
  );
});

test('one replica alone is asked, whatever it is', async (t) => {
  assert.equal(await folderWith(t, { 'replicas/b': 'follower' }), 'replicas/b/admin.sock');
});

test('the folder of a replica is a state folder for those who ask', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'isthmus-socket-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const own = join(root, 'replicas', 'a');
  await mkdir(own, { recursive: true });
  assert.equal(await adminSocket(own, () => Promise.reject(new Error('not asked'))), join(own, 'admin.sock'));
});

test('once one says that it leads, the others are not waited for', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'isthmus-socket-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const name of ['a', 'b']) {
    await mkdir(join(root, 'replicas', name), { recursive: true });
    await writeFile(join(root, 'replicas', name, 'admin.sock'), '');
  }
  const given: AbortSignal[] = [];
  const ask: AskSocket = async (path, _, signal) => {
    if (path.includes('/b/')) return JSON.stringify({ kind: 'leader' });
    given.push(signal);
    return new Promise(() => undefined);
  };
  assert.equal(await adminSocket(root, ask), join(root, 'replicas', 'b', 'admin.sock'));
  assert.deepEqual(
    given.map(({ aborted }) => aborted),
    [true],
  );
});
