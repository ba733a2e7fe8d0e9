import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '../runtime/clock.ts';
import { SystemRandom } from '../runtime/random.ts';
import { GatewayTokens } from './gateway-tokens.ts';

async function tokens() {
  const folder = await mkdtemp(join(tmpdir(), 'ist-'));
  const path = join(folder, 'state', 'gateway-tokens.json');
  const open = () => new GatewayTokens({ clock: new ManualClock(), random: new SystemRandom() }, { path });
  return {
    path,
    open,
    made: open(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

test('the newest token of a gateway opens, after a restart and for the other replica too; the one before does not', async () => {
  await using s = await tokens();
  const first = await s.made.create('one');
  const other = await s.made.create('two');
  assert.deepEqual(await s.open().authenticate(first, 'one'), { kind: 'admitted', gateway: 'one' });
  const second = await s.made.create('one');
  const replaced = await s.open().authenticate(first, 'one');
  assert.equal(replaced.kind === 'refused' && replaced.reason, 'TokenReplaced');
  assert.equal((await s.made.authenticate(second, 'one')).kind, 'admitted');
  assert.equal((await s.made.authenticate(other, 'two')).kind, 'admitted');
});

test('the file is private and holds no token', async () => {
  await using s = await tokens();
  const token = await s.made.create('one');
  assert.equal((await stat(s.path)).mode & 0o777, 0o600);
  assert.ok(!(await readFile(s.path, 'utf8')).includes(token.split('.')[2] ?? ''));
});

test('a token is good for the gateway that it names, whatever the caller says', async () => {
  await using s = await tokens();
  const token = await s.made.create('one');
  const verdict = await s.made.authenticate(token, 'two');
  assert.equal(verdict.kind === 'refused' && verdict.reason, 'WrongGateway');
  const renamed = await s.made.authenticate(token.replace('.one.', '.two.'), 'two');
  assert.equal(renamed.kind, 'refused');
});

test('tokens made at the same time are all kept', async () => {
  await using s = await tokens();
  const names = ['a', 'b', 'c', 'd'];
  const made = await Promise.all(names.map((name) => s.made.create(name)));
  const verdicts = await Promise.all(made.map((token, index) => s.made.authenticate(token, names[index] ?? '')));
  assert.deepEqual(
    verdicts.map(({ kind }) => kind),
    names.map(() => 'admitted'),
  );
});

test('a damaged or exposed file sends nobody away who is in, lets nobody in, and is not overwritten', async () => {
  await using s = await tokens();
  const token = await s.made.create('one');
  const content = await readFile(s.path, 'utf8');
  for (const damaged of ['{', '{"version":2,"tokens":[]}', `{"version":1,"tokens":["${'x'.repeat(300_000)}"]}`]) {
    await writeFile(s.path, damaged);
    assert.equal((await s.made.authenticate(token, 'one')).kind, 'unknown');
    await assert.rejects(s.made.create('two'), { code: 'damaged-gateway-tokens' });
  }
  await writeFile(s.path, content);
  await chmod(s.path, 0o644);
  assert.equal((await s.made.authenticate(token, 'one')).kind, 'unknown');
});
