import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  folderOf,
  freePort,
  initArguments,
  isthmus,
  joinArguments,
  livenessOf,
  startController,
  until,
} from './processes.fixture.ts';
import { runHere } from './run-here.fixture.ts';
import type { StoreCheck } from './store/check-page.ts';
import type { StoreDump } from './store/dump.ts';

/** `isthmus store` on embedded stores and store servers, as real processes beside real controllers. */
interface Sites {
  readonly folder: string;
  readonly east: string;
  readonly west: string;
}

async function twoSites(t: TestContext): Promise<Sites> {
  const folder = await folderOf(t);
  const [east, west] = [join(folder, 'east'), join(folder, 'west')];
  await isthmus(t, initArguments(east, await freePort()));
  await startController(t, east);
  const { stdout: token } = await isthmus(t, ['token', 'create', '--cluster', 'west', '--state-dir', east]);
  const joined = await isthmus(t, joinArguments(west, token.trim()));
  assert.equal(joined.code, 0, joined.stderr);
  await startController(t, west);
  await until('east to hear of west', async () => (await livenessOf(east, 'west')) === 'Live');
  return { folder, east, west };
}

test('beside the controllers of two sites', { timeout: 120_000 }, async (t) => {
  const { folder, east, west } = await twoSites(t);
  await t.test(
    'dump and check of a healthy clusterset verify everything, from the embedded store and through the store server',
    async () => {
      for (const site of [east, west]) {
        const dumped = await runHere(['store', 'dump', '--state-dir', site, '-o', 'json']);
        assert.equal(dumped.code, 0, dumped.stderr);
        const { roster, clusters, store } = JSON.parse(dumped.stdout) as StoreDump;
        assert.deepEqual([roster.version, roster.verified, roster.pinned], [2, true, true]);
        assert.deepEqual(
          clusters.map(({ cluster, member, verified }) => [cluster, member, verified]),
          [
            ['east', 'active', true],
            ['west', 'active', true],
          ],
        );
        assert.doesNotMatch(store, /pin=/);
        const checked = await runHere(['store', 'check', '--state-dir', site]);
        assert.equal(checked.code, 0, checked.stdout + checked.stderr);
        assert.match(checked.stdout, /^Contents: +roster version 2, 2 clusters/m);
        assert.match(checked.stdout, /^nothing to complain about$/m);
      }

      const page = await runHere(['store', 'dump', '--state-dir', east, '--cluster', 'west']);
      assert.match(page.stdout, /^Records of west\nKEY +BYTES +CONTENT\n/m);
      assert.match(page.stdout, /^cluster +\d+ +\{/m);
      assert.match(page.stdout, /^[0-9a-f]{32} +answered +in \d+m/m, 'the token that west used');

      const url = `embedded:${join(east, 'store-server', 'store.db')}`;
      const elsewhere = ['--store', url, '--state-dir', join(folder, 'nowhere'), '--clusterset', 'prod.example.org'];
      const unpinned = await runHere(['store', 'dump', ...elsewhere]);
      assert.deepEqual([unpinned.code, /not pinned/.test(unpinned.stdout)], [0, true], unpinned.stderr);
      const looked = await runHere(['store', 'check', ...elsewhere, '-o', 'json']);
      assert.equal(looked.code, 0, looked.stdout);
    },
  );

  await t.test(
    'acl takes clusterset and members from the state folder, and keeps each password in a file of its owner alone',
    async () => {
      const passwords = join(folder, 'passwords');
      const run = () => isthmus(t, ['store', 'acl', '--state-dir', east, '--write-passwords', passwords]);
      const [first, again] = [await run(), await run()];
      assert.deepEqual([first.code, again.stdout, again.stderr], [0, first.stdout, '']);
      const names = (await readdir(passwords)).toSorted();
      assert.deepEqual(names, ['east.password', 'isthmus_join.password', 'west.password']);
      const lines = first.stdout.trim().split('\n');
      for (const name of names) {
        const path = join(passwords, name);
        assert.equal((await stat(path)).mode & 0o777, 0o600);
        const password = (await readFile(path, 'utf8')).trim();
        assert.ok(password.length >= 40 && !first.stdout.includes(password) && !first.stderr.includes(password));
        const hash = createHash('sha256').update(password).digest('hex');
        const user = name.replace('.password', '');
        assert.ok(
          lines.some((line) => line.startsWith(`ACL SETUSER ${user} reset on #${hash} `)),
          user,
        );
      }
    },
  );

  await t.test('the user for the Sentinels comes with the word that its line is for them alone', async () => {
    const { code, stdout, stderr } = await runHere(['store', 'acl', '--state-dir', east, '--sentinel']);
    assert.deepEqual([code, /^ACL SETUSER isthmus_sentinel /m.test(stdout)], [0, true], stderr);
    assert.match(stderr, /^the rules of isthmus_sentinel are for each Sentinel alone/m);
  });

  await t.test('a store that is away is exit code 1 with the reason, and looking for one never makes it', async () => {
    const site = join(west, 'site.yaml');
    const text = await readFile(site, 'utf8');
    const port = await freePort();
    await writeFile(site, text.replace(/(isthmus:\/\/127\.0\.0\.1:)\d+/, `$1${port}`));
    const checked = await runHere(['store', 'check', '--state-dir', west]);
    assert.equal(checked.code, 1, checked.stdout + checked.stderr);
    assert.match(checked.stdout, /^error +Unreachable +/m);

    const missing = join(folder, 'missing.db');
    for (const command of ['dump', 'check']) {
      const named = ['store', command, '--store', `embedded:${missing}`, '--clusterset', 'prod.example.org'];
      const looked = await runHere([...named, '--state-dir', west]);
      assert.deepEqual([looked.code, /there is no store at/.test(looked.stderr)], [2, true], looked.stderr);
    }
    await assert.rejects(stat(missing), { code: 'ENOENT' });
  });
});

test('the store of another clusterset is not believed, by dump and by check', async (t) => {
  const folder = await folderOf(t);
  const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
  for (const site of [ours, theirs]) await isthmus(t, initArguments(site, 0));
  const url = `embedded:${join(theirs, 'store-server', 'store.db')}`;
  const dumped = await runHere(['store', 'dump', '--state-dir', ours, '--store', url]);
  assert.deepEqual([dumped.code, /not verified: the roster is not signed by a root/.test(dumped.stdout)], [3, true]);
  const checked = await runHere(['store', 'check', '--state-dir', ours, '--store', url, '-o', 'json']);
  const { stores } = JSON.parse(checked.stdout) as StoreCheck;
  assert.deepEqual([checked.code, stores[0]?.ok], [3, false]);
  assert.deepEqual(
    stores[0]?.findings.map(({ reason }) => reason),
    ['RosterNotVerified'],
  );
});

for (const [args, problem] of [
  [['store', 'acl'], /which clusterset\?/],
  [['store', 'acl', '--clusterset', 'prod.example.org'], /no cluster to make a user for/],
  [['store', 'acl', '--clusterset', '*', '--cluster', 'a'], /"\*" is not a DNS name/],
  [['store', 'acl', '--clusterset', 'a.example', '--cluster', 'A*'], /"A\*" is not a DNS label/],
  [['store', 'acl', '--clusterset', 'a.example', '--cluster', 'a', '--password-sha256', 'b=00'], /users: a/],
  [['store', 'acl', '--clusterset', 'a.example', '--cluster', 'a', '--format', 'x'], /Allowed choices are setuser/],
  [['store', 'dump'], /there is no site in .* to take the store from/],
  [['store', 'dump', '--store', 'memory:x'], /a memory: store lives in its own process/],
  [['store', 'dump', '--store', 'ftp://x'], /unknown scheme "ftp"/],
  [['store', 'dump', '--store', 'redis://h'], /which clusterset\?/],
  [['store', 'dump', '--cluster', 'A/B'], /--cluster A\/B is not a DNS label/],
  [['store', 'check', '--store', 'embedded:/x'], /which clusterset\?/],
] as const) {
  test(`isthmus ${args.join(' ')} is wrong usage: exit code 2, and says what to give`, async (t) => {
    const { code, stdout, stderr } = await runHere([...args, '--state-dir', join(await folderOf(t), 'none')]);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, problem);
  });
}
