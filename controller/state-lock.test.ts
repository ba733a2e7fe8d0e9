import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SystemClock } from '../runtime/clock.ts';
import { StateFolderInUseError, StateLock } from './state-lock.ts';

const clock = new SystemClock();

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-lock-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('a state folder has one user at a time', async (t) => {
  const folder = await folderOf(t);
  const first = await StateLock.take({ clock }, { folder, waitMs: 0 });
  await assert.rejects(StateLock.take({ clock }, { folder, waitMs: 0 }), StateFolderInUseError);
  first[Symbol.dispose]();
  using second = await StateLock.take({ clock }, { folder, waitMs: 0 });
  assert.ok(second);
});

test('who waits gets the folder when its user ends', async (t) => {
  const folder = await folderOf(t);
  const first = await StateLock.take({ clock }, { folder, waitMs: 0 });
  const waiting = StateLock.take({ clock }, { folder, waitMs: 60_000 });
  first[Symbol.dispose]();
  using second = await waiting;
  assert.ok(second);
});

test('the lock of a process that was killed is free at once', async (t) => {
  const folder = await folderOf(t);
  const script = `import { StateLock } from '${join(import.meta.dirname, 'state-lock.ts')}';
    import { SystemClock } from '${join(import.meta.dirname, '..', 'runtime', 'clock.ts')}';
    globalThis.lock = await StateLock.take({ clock: new SystemClock() }, { folder: '${folder}', waitMs: 0 });
    console.log('locked');
    setInterval(() => undefined, 1_000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  await assert.rejects(StateLock.take({ clock }, { folder, waitMs: 0 }), StateFolderInUseError);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  using lock = await StateLock.take({ clock }, { folder, waitMs: 0 });
  assert.ok(lock);
});

test('replicas share a folder that a sole controller cannot have meanwhile, and the other way round', async (t) => {
  const folder = await folderOf(t);
  const [a, b] = await Promise.all([
    StateLock.take({ clock }, { folder, waitMs: 0, how: 'shared' }),
    StateLock.take({ clock }, { folder, waitMs: 0, how: 'shared' }),
  ]);
  await assert.rejects(StateLock.take({ clock }, { folder, waitMs: 0 }), StateFolderInUseError);
  a[Symbol.dispose]();
  await assert.rejects(StateLock.take({ clock }, { folder, waitMs: 0 }), StateFolderInUseError);
  b[Symbol.dispose]();
  using _alone = await StateLock.take({ clock }, { folder, waitMs: 0 });
  await assert.rejects(StateLock.take({ clock }, { folder, waitMs: 0, how: 'shared' }), StateFolderInUseError);
});

test('whoever waits without end for a folder can be told to stop', async (t) => {
  const folder = await folderOf(t);
  using _first = await StateLock.take({ clock }, { folder, waitMs: 0 });
  const stop = new AbortController();
  const waiting = StateLock.take({ clock }, { folder, waitMs: Number.POSITIVE_INFINITY, signal: stop.signal });
  stop.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
});
