import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SystemRandom } from '../../runtime/random.ts';
import { ExposedFileError } from '../../trust/private-file.ts';
import { loadReplica, replicaName } from './replica.ts';

const components = { random: new SystemRandom() };

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-replica-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('a replica is the same one after a restart', async (t) => {
  const folder = await folderOf(t);
  const first = await loadReplica(components, { name: 'a', folder });
  assert.deepEqual(await loadReplica(components, { name: 'a', folder }), first);
  assert.equal(replicaName(first.holder), 'a');
});

test('two replicas that were given one name by mistake are two', async (t) => {
  const [left, right] = await Promise.all([folderOf(t), folderOf(t)]);
  const one = await loadReplica(components, { name: 'a', folder: left });
  const other = await loadReplica(components, { name: 'a', folder: right });
  assert.notEqual(one.holder, other.holder);
});

test('what calls a replica fits into a head, however long its name', async (t) => {
  const { holder } = await loadReplica(components, { name: 'r'.repeat(40), folder: await folderOf(t) });
  assert.match(holder, /^[A-Za-z0-9._-]{1,63}$/);
});

test('a damaged number is replaced, one that others can read is refused', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'replica-number');
  await writeFile(file, 'nonsense', { mode: 0o600 });
  const { holder } = await loadReplica(components, { name: 'a', folder });
  assert.match(holder, /^a\.[0-9a-f]{16}$/);
  await chmod(file, 0o644);
  await assert.rejects(loadReplica(components, { name: 'a', folder }), ExposedFileError);
});
