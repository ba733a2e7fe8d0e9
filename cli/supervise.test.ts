import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { SystemRandom } from '../runtime/random.ts';
import { folderOf, until } from './processes.fixture.ts';
import { type Part, Supervisor } from './supervise.ts';

const components = { clock: new SystemClock(), random: new SystemRandom(), log: silentLogger };

/** A part that notes its starts and its orderly end in `notes`. */
function part(name: string, notes: string, more: Partial<Part> = {}): Part {
  const script = `const fs = require('node:fs');
    process.on('SIGTERM', () => { fs.appendFileSync('${notes}', 'end ${name}\\n'); process.exit(0); });
    process.stdin.resume().on('end', () => process.exit(0));
    fs.appendFileSync('${notes}', 'start ${name} ' + process.pid + '\\n');`;
  return { name, command: process.execPath, args: ['-e', script], ...more };
}

async function notesOf(t: TestContext): Promise<{ path: string; read: () => Promise<readonly string[]> }> {
  const path = join(await folderOf(t), 'notes');
  await writeFile(path, '');
  return { path, read: async () => (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '') };
}

async function startsOf(notes: { read: () => Promise<readonly string[]> }): Promise<readonly number[]> {
  return (await notes.read()).filter((line) => line.startsWith('start')).map((line) => Number(line.split(' ')[2]));
}

test('a part that is killed is started again', async (t) => {
  const notes = await notesOf(t);
  const supervisor = new Supervisor(components);
  const running = supervisor.run([part('a', notes.path)]);
  await until('the first start', async () => (await startsOf(notes)).length === 1);
  const [pid] = await startsOf(notes);
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGKILL');
  await until('the second start', async () => (await startsOf(notes)).length === 2);
  await supervisor.stop();
  assert.equal(await running, 0);
});

test('the part that ends last is asked when all others have ended', async (t) => {
  const notes = await notesOf(t);
  const supervisor = new Supervisor(components);
  const running = supervisor.run([part('controller', notes.path, { endsLast: true }), part('gateway', notes.path)]);
  await until('both starts', async () => (await startsOf(notes)).length === 2);
  await supervisor.stop();
  assert.equal(await running, 0);
  assert.deepEqual((await notes.read()).slice(-2), ['end gateway', 'end controller']);
});

test('a part that cannot run as configured ends the site with its exit code', async (t) => {
  const notes = await notesOf(t);
  const wrong: Part = { name: 'wrong', command: process.execPath, args: ['-e', 'process.exit(2)'] };
  assert.equal(await new Supervisor(components).run([part('a', notes.path), wrong]), 2);
});

test('a program that does not exist is tried again, and does not keep a stop from ending', async () => {
  const supervisor = new Supervisor(components);
  const running = supervisor.run([{ name: 'none', command: '/nonexistent/program', args: [] }]);
  await components.clock.sleep(50);
  await supervisor.stop();
  assert.equal(await running, 0);
});

test('parts end when their supervisor is killed', async (t) => {
  const notes = await notesOf(t);
  const { args } = part('orphan', notes.path);
  const supervise = join(import.meta.dirname, 'supervise.ts');
  const runtime = (file: string): string => join(import.meta.dirname, '..', 'runtime', file);
  const script = `import { Supervisor } from '${supervise}';
    import { SystemClock } from '${runtime('clock.ts')}';
    import { SystemRandom } from '${runtime('random.ts')}';
    import { silentLogger } from '${runtime('log.ts')}';
    const parts = [{ name: 'orphan', command: process.execPath, args: ${JSON.stringify(args)} }];
    await new Supervisor({ clock: new SystemClock(), random: new SystemRandom(), log: silentLogger }).run(parts);`;
  const supervisor = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  t.after(() => supervisor.kill('SIGKILL'));
  await until('the start', async () => (await startsOf(notes)).length === 1);
  const [pid] = await startsOf(notes);
  assert.ok(pid !== undefined);
  supervisor.kill('SIGKILL');
  await until('the end of the part', () => !isThere(pid));
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // No such process any more.
    return false;
  }
}
