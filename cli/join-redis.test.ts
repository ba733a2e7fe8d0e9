import assert from 'node:assert/strict';
import { copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { installedPrograms, type Program } from '../tests/redis/programs.ts';
import { startServer, type TestServer } from '../tests/redis/server.ts';
import { makeTlsMaterial } from '../tests/redis/tls-material.ts';
import { folderOf, livenessOf, type Outcome, startController, until } from './processes.fixture.ts';
import { runHere } from './run-here.fixture.ts';
import type { StoreCheck } from './store/check-page.ts';
import type { StoreDump } from './store/dump.ts';

/** A clusterset on a real server with the users of `store acl`, from nothing to two sites that hear of each other. */
const CS = 'prod.example.org';
/** A controller that does not end when it is told to must not hold up everybody. */
const LIMIT = { timeout: 120_000 };
const QUIET = ['--health-listen', 'off', '--metrics-listen', 'off', '--listen-address', '127.0.0.1'];

class Lab {
  readonly server: TestServer;
  readonly folder: string;

  /** Of the site that it is for: each has a copy of its own. */
  ca = '';

  private constructor(server: TestServer, folder: string) {
    this.server = server;
    this.folder = folder;
  }

  /** A server that only the users of `store acl` may use. */
  static async start(t: TestContext, program: Program): Promise<Lab> {
    const folder = await folderOf(t);
    // With TLS where the program has it.
    const material = program === 'redis' ? await makeTlsMaterial(join(folder, 'tls')) : undefined;
    const tls = material === undefined ? undefined : ({ material, clients: 'optional' } as const);
    const server = await startServer({ program, acl: [], tls });
    t.after(() => server[Symbol.asyncDispose]());
    const lab = new Lab(server, folder);
    lab.ca = material?.ca ?? '';
    const rules = await lab.run('store', 'acl', '--clusterset', CS, '--authority', 'east', '--cluster', 'west');
    for (const line of rules.stdout.trim().split('\n')) await server.cli(...line.split(' '));
    await server.cli('ACL', 'SETUSER', 'default', 'off');
    return lab;
  }

  run(...args: readonly string[]): Promise<Outcome> {
    const passwords = args[1] === 'acl' ? ['--write-passwords', join(this.folder, 'passwords')] : [];
    return runHere([...args, ...passwords]);
  }

  url(user: string): string {
    const place = `${user}@127.0.0.1:${this.server.port}?password-file=${this.passwordFile(user)}`;
    return this.ca === '' ? `redis://${place}` : `rediss://${place}&ca=${this.ca}`;
  }

  passwordFile(user: string): string {
    return join(this.folder, 'passwords', `${user}.password`);
  }

  async password(user: string): Promise<string> {
    return (await readFile(this.passwordFile(user), 'utf8')).trim();
  }

  /** Kinds of what the server has refused so far, each once. */
  async refusals(): Promise<readonly (readonly string[])[]> {
    const log = JSON.stringify(await this.server.cli('ACL', 'LOG'));
    return [...new Set(log.match(/"reason","[a-z]+"/g))].map((text) => text.replaceAll('"', '').split(','));
  }

  /** What `status` of a site says of its store, and whether the site serves. */
  async storeOf(name: string): Promise<string> {
    const { stdout } = await this.run('status', '--state-dir', this.site(name), '-o', 'json');
    const { stores, ready } = JSON.parse(stdout) as { readonly stores: unknown; readonly ready: boolean };
    return JSON.stringify({ stores, ready });
  }

  site(name: string): string {
    return join(this.folder, name);
  }

  init(...more: readonly string[]): Promise<Outcome> {
    return this.run(
      ...['init', '--clusterset', CS, '--cluster', 'east', '--dev', '--state-dir', this.site('east')],
      ...['--gateway-address', '127.0.0.1', '--store', this.url('east'), ...QUIET, ...more],
    );
  }

  join(token: string, ...more: readonly string[]): Promise<Outcome> {
    return this.run(
      ...['join', '--token', token, '--state-dir', this.site('west'), '--gateway-address', '127.0.0.2', ...QUIET],
      ...more,
    );
  }

  async token(...more: readonly string[]): Promise<Outcome> {
    return this.run('token', 'create', '--cluster', 'west', '--state-dir', this.site('east'), ...more);
  }
}

for (const program of installedPrograms('joining over')) {
  test(
    `on ${program} two sites found, join and hear of each other, each with a login that can do no more than that`,
    LIMIT,
    async (t) => {
      const lab = await Lab.start(t, program);
      const founded = await lab.init('--join-store', lab.url('isthmus_join'));
      assert.equal(founded.code, 0, founded.stderr);
      await startController(t, lab.site('east'));
      const made = await lab.token();
      assert.equal(made.code, 0, made.stderr);
      const token = made.stdout.trim();
      const content = Buffer.from(token.slice('isthmus1.'.length), 'base64url').toString();
      assert.ok(content.includes(await lab.password('isthmus_join')) && !content.includes(await lab.password('east')));

      if (lab.ca !== '') {
        // The authority's file, which the token names, is not there on the other machine.
        await rename(lab.ca, join(lab.folder, 'west-ca.pem'));
        lab.ca = join(lab.folder, 'west-ca.pem');
      }
      const withoutStore = await lab.join(token);
      assert.deepEqual([withoutStore.code, /can only join/.test(withoutStore.stderr)], [2, true], withoutStore.stderr);
      const othersLogin = lab.url('west').replace(lab.passwordFile('west'), lab.passwordFile('east'));
      const wrongLogin = await lab.join(token, '--store', othersLogin);
      assert.notEqual(wrongLogin.code, 0);
      assert.match(wrongLogin.stderr, /password/);

      const joined = await lab.join(token, '--store', lab.url('west'));
      assert.equal(joined.code, 0, joined.stderr);
      if (lab.ca !== '') await copyFile(lab.ca, join(lab.folder, 'tls', 'ca.pem'));
      const site = await readFile(join(lab.site('west'), 'site.yaml'), 'utf8');
      assert.ok(/rediss?:\/\/west@/.test(site) && !site.includes('isthmus_join'));
      const member = await startController(t, lab.site('west'));
      for (const [at, of] of [
        ['east', 'west'],
        ['west', 'east'],
      ] as const) {
        await until(`${at} to hear of ${of}`, async () => (await livenessOf(lab.site(at), of)) === 'Live');
      }

      assert.deepEqual(await lab.refusals(), [['reason', 'auth']], 'nothing was refused but the wrong password');

      for (const name of ['east', 'west']) {
        const checked = await lab.run('store', 'check', '--state-dir', lab.site(name));
        assert.equal(checked.code, 0, checked.stdout + checked.stderr);
        const dumped = await lab.run('store', 'dump', '--state-dir', lab.site(name), '-o', 'json');
        assert.equal(dumped.code, 0, dumped.stderr);
        const { clusters, store, boards } = JSON.parse(dumped.stdout) as StoreDump;
        const tokens = boards?.joins?.map(({ state }) => state);
        assert.deepEqual(tokens, name === 'east' ? ['answered'] : undefined, 'only the authority may look at joins');
        assert.equal(store, `${lab.ca === '' ? 'redis' : 'rediss'}://127.0.0.1:${lab.server.port}`);
        assert.deepEqual(
          clusters.map(({ cluster }) => cluster),
          ['east', 'west'],
        );
      }

      await member.end('SIGTERM');
      await lab.server.cli('ACL', 'SETUSER', 'west', 'resetpass', '>changed');
      await startController(t, lab.site('west'));
      await until('the refused login to be seen', async () => /refuses the login/.test(await lab.storeOf('west')));
      assert.match(await lab.storeOf('west'), /"up":false.*"ready":true/);
      await writeFile(lab.passwordFile('west'), 'changed\n');
      await until('the new password to be used', async () => /"up":true/.test(await lab.storeOf('west')));
    },
  );
}

test('an authority whose store has a login makes no token before it knows one for joining, and takes one for once', async (t) => {
  const lab = await Lab.start(t, 'valkey');
  const founded = await lab.init();
  assert.deepEqual([founded.code, /token create --join-store/.test(founded.stderr)], [0, true], founded.stderr);
  await startController(t, lab.site('east'));
  const refused = await lab.token();
  assert.deepEqual([refused.code, refused.stdout], [2, '']);
  assert.match(refused.stderr, /--join-store/);
  const own = await lab.run('token', 'create', '--cluster', 'east', '--state-dir', lab.site('east'));
  assert.deepEqual([own.code, /east is this site, the authority/.test(own.stderr)], [2, true], own.stderr);
  const taken = await lab.token('--join-store', lab.url('isthmus_join'));
  assert.equal(taken.code, 0, taken.stderr);
  assert.doesNotMatch(taken.stderr, /warning/);
  const strange = await lab.token('--join-store', 'redis://isthmus_join:s3cr3t@elsewhere:1');
  assert.deepEqual([strange.code, /^warning: .*elsewhere:1/m.test(strange.stderr)], [0, true], strange.stderr);
  assert.doesNotMatch(strange.stderr, /s3cr3t/);
  const missing = await lab.token('--join-store', 'redis://isthmus_join@h?password-file=/nonexistent/password');
  assert.deepEqual([missing.code, /\/nonexistent\/password/.test(missing.stderr)], [2, true], missing.stderr);
  const secret = await lab.token('--join-store', 'redis://isthmus_join:s3cr3t@h:0');
  assert.equal(secret.code, 2);
  assert.doesNotMatch(secret.stderr, /s3cr3t/);
});

test('a clusterset is founded in several stores at once, and its token leads to the one that is named for joining', async (t) => {
  const lab = await Lab.start(t, 'valkey');
  const database = `embedded:${join(lab.folder, 'shared', 'store.db')}`;
  const founded = await lab.init('--store', database, '--join-store', lab.url('isthmus_join'));
  assert.equal(founded.code, 0, founded.stderr);
  const checked = await lab.run('store', 'check', '--state-dir', lab.site('east'), '-o', 'json');
  const { stores } = JSON.parse(checked.stdout) as StoreCheck;
  assert.deepEqual(
    stores.map(({ ok, contents }) => [ok, contents?.rosterVersion]),
    [
      [true, 1],
      [true, 1],
    ],
    checked.stdout,
  );
});

test('a controller does not start with a store address that makes no sense, and says which part: exit code 2', async (t) => {
  const lab = await Lab.start(t, 'valkey');
  assert.equal((await lab.init()).code, 0);
  const { code, stderr } = await lab.run('controller', '--state-dir', lab.site('east'), '--store', 'redis://h:99999');
  assert.equal(code, 2, stderr);
  assert.match(stderr, /HOST:PORT/);
});

test('a store that has another clusterset of the name is refused, and founding again in the own one is not', async (t) => {
  const lab = await Lab.start(t, 'valkey');
  assert.equal((await lab.init()).code, 0);
  const site = join(lab.site('east'), 'site.yaml');
  const text = await readFile(site, 'utf8');
  await writeFile(`${site}.before`, text);
  await rm(site);
  const again = await lab.init();
  assert.equal(again.code, 0, again.stderr);
  const other = await lab.init('--state-dir', lab.site('other'));
  assert.equal(other.code, 2, other.stderr);
  assert.match(other.stderr, /already has a clusterset prod\.example\.org/);
});
