import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The command line as a real process: exit codes, and what goes to which stream. */
const BINARY = fileURLToPath(new URL('../bin/isthmus', import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Invocation {
  readonly binary?: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function isthmus(args: readonly string[], { binary = BINARY, env = {} }: Invocation = {}): Promise<Outcome> {
  const child = spawn(binary, args, { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number | null, stdout, stderr };
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-cli-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('version is one line on standard output', async () => {
  const { code, stdout, stderr } = await isthmus(['version']);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^isthmus v\d+\.\d+\.\d+ \(node v\d+\.\d+\.\d+, \w+\/\w+\)\n$/);
});

test('version -o json is a documented object', async () => {
  const { code, stdout } = await isthmus(['version', '-o', 'json']);
  const { apiVersion, kind, client } = JSON.parse(stdout) as Record<string, Record<string, string>>;
  assert.deepEqual(
    [code, apiVersion, kind, Object.keys(client ?? {})],
    [0, 'isthmus.dev/v1alpha1', 'Version', ['version', 'node', 'platform']],
  );
});

test('version loads none of the large libraries', async (t) => {
  const folder = await folderOf(t);
  const hook = join(folder, 'hook.mjs');
  const seen =
    "import { registerHooks } from 'node:module';\nregisterHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context); } });\n";
  await writeFile(hook, seen);
  const { stderr } = await isthmus(['version'], { env: { NODE_OPTIONS: `--import ${hook}` } });
  assert.match(stderr, /cli\/commands\/version\.ts/, 'the hook saw the modules');
  const heavy = stderr.split('\n').filter((url) => /node_modules\/(?!commander\/)/.test(url));
  assert.deepEqual(heavy, []);
});

test('help names every command and shows examples', async () => {
  for (const args of [[], ['--help'], ['help']]) {
    const { code, stdout, stderr } = await isthmus(args);
    assert.deepEqual([code, stderr], [0, '']);
    for (const word of ['status', 'get', 'config', 'version', 'completion', 'Examples:'])
      assert.ok(stdout.includes(word), word);
  }
});

for (const [args, problem] of [
  [['stauts'], /unknown command 'stauts'\n\(Did you mean status\?\)/],
  [['get', 'pods'], /unknown command 'pods'/],
  [['version', '--outptu', 'json'], /unknown option '--outptu'/],
  [['version', '-o', 'xml'], /Allowed choices are table, json, yaml/],
  [['config', 'validate'], /missing required argument 'file'/],
  [['config', 'schema', 'pod'], /unknown kind "pod"\nhint: known: site, service/],
  [['completion', 'tcsh'], /unknown shell "tcsh"/],
] as const) {
  test(`isthmus ${args.join(' ')} is wrong usage: exit code 2, said on standard error`, async () => {
    const { code, stdout, stderr } = await isthmus(args);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, problem);
  });
}

const SITE = `apiVersion: isthmus.dev/v1alpha1
kind: Site
metadata: {name: east}
spec:
  clusterset: prod.example.org
  network: a
  store: ["embedded:store.db"]
`;

test('config validate of a good file says so and exits 0', async (t) => {
  const file = join(await folderOf(t), 'site.yaml');
  await writeFile(file, SITE);
  assert.deepEqual(await isthmus(['config', 'validate', file]), {
    code: 0,
    stdout: 'ok: 1 site and 0 services in 1 file\n',
    stderr: '',
  });
});

test('config validate prints one line a problem with file, line and field, and exits 2', async (t) => {
  const file = join(await folderOf(t), 'site.yaml');
  await writeFile(file, `${SITE.replace('network: a', 'netwrok: a')}  podCIDRs: [10.0.0.0/40]\n`);
  const { code, stdout, stderr } = await isthmus(['config', 'validate', file]);
  assert.deepEqual([code, stdout], [2, '']);
  assert.deepEqual(stderr.split('\n'), [
    `${file}:4: spec.network: the field is required`,
    `${file}:6: spec.netwrok: unknown field "netwrok" (did you mean "network"?)`,
    `${file}:8: spec.podCIDRs[0]: "10.0.0.0/40" is not an address range (write the network address (no host bits) and the prefix length, e.g. 10.0.0.0/16)`,
    '3 problems in 1 file',
    '',
  ]);
});

test('config validate refuses a file of 10 MB without reading it', async (t) => {
  const file = join(await folderOf(t), 'site.yaml');
  await writeFile(file, Buffer.alloc(10 * 1024 * 1024, 'a'));
  const { code, stderr } = await isthmus(['config', 'validate', file]);
  assert.equal(code, 2);
  assert.equal(
    stderr.split('\n')[0],
    `${file}:1: the file has 10485760 bytes, more than the limit of 1048576 (split it into several files)`,
  );
});

test('config validate -o json has the same problems as data', async (t) => {
  const file = join(await folderOf(t), 'site.yaml');
  await writeFile(file, SITE.replace('network: a', 'network: 7'));
  const { code, stdout, stderr } = await isthmus(['config', 'validate', '-o', 'json', file]);
  assert.deepEqual([code, stderr], [2, '']);
  const report = JSON.parse(stdout) as { kind: string; valid: boolean; findings: Record<string, unknown>[] };
  assert.deepEqual([report.kind, report.valid], ['ValidationReport', false]);
  assert.deepEqual(
    report.findings.map(({ file: of, line, field, reason }) => [of, line, field, reason]),
    [[file, 6, 'spec.network', 'WrongType']],
  );
});

for (const args of [['status'], ['get', 'services'], ['get', 'clusters', '-o', 'json']]) {
  test(`isthmus ${args.join(' ')} without a controller says what to do and exits 1`, async (t) => {
    const stateDir = await folderOf(t);
    const { code, stdout, stderr } = await isthmus(args, { env: { ISTHMUS_STATE_DIR: stateDir } });
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, new RegExp(`^error: no controller listens on ${stateDir}/admin\\.sock\nhint: start one`));
  });
}

test('a reader that has enough is no failure', async () => {
  const child = spawn('/bin/sh', ['-c', `"${BINARY}" config schema site | head -1`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  assert.deepEqual([stdout, stderr], ['{\n', '']);
});

test('the program starts through a chain of links', async (t) => {
  const folder = await folderOf(t);
  await symlink(BINARY, join(folder, 'first'));
  await symlink('first', join(folder, 'isthmus'));
  const { code, stdout } = await isthmus(['version'], { binary: join(folder, 'isthmus') });
  assert.equal(code, 0);
  assert.match(stdout, /^isthmus v/);
});

test('without a Node that is new enough one sentence says what to do', async (t) => {
  const root = await folderOf(t);
  for (const folder of ['bin', 'old']) await mkdir(join(root, folder));
  await copyFile(BINARY, join(root, 'bin', 'isthmus'));
  // Stands for a Node 20, which refuses its own version.
  await writeFile(join(root, 'old', 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const env = { PATH: `${join(root, 'old')}:/usr/bin:/bin` };
  const { code, stdout, stderr } = await isthmus(['version'], { binary: join(root, 'bin', 'isthmus'), env });
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^isthmus needs Node\.js 24\.15 or later .*\n$/);
});

test('Ctrl-C ends a waiting command with exit code 130', async (t) => {
  const stateDir = await folderOf(t);
  const asked = Promise.withResolvers<void>();
  const held: Socket[] = [];
  const server = createServer((socket) => {
    held.push(socket);
    asked.resolve();
  });
  t.after(() => {
    for (const socket of held) socket.destroy();
    server.close();
  });
  await once(server.listen(join(stateDir, 'admin.sock')), 'listening');
  const child = spawn(BINARY, ['get', 'clusters', '--state-dir', stateDir], { stdio: 'ignore' });
  await asked.promise;
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'exit'), [130, null]);
});

test('without colours when asked, and none into a pipe', async () => {
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }, {}]) {
    const { stdout } = await isthmus(['--help'], { env });
    assert.ok(!stdout.includes('\u001b'));
  }
});

test('the bash completion offers commands, nested commands and flags', async (t) => {
  const script = join(await folderOf(t), 'isthmus.bash');
  await writeFile(script, (await isthmus(['completion', 'bash'])).stdout);
  const offer = async (...words: string[]): Promise<string[]> => {
    const line = `source ${script}; COMP_WORDS=(isthmus ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _isthmus; echo "\${COMPREPLY[@]}"`;
    const child = spawn('bash', ['--norc', '-c', line], { stdio: ['ignore', 'pipe', 'inherit'] });
    return (await textOf(child.stdout)).trim().split(' ').toSorted();
  };
  assert.deepEqual(await offer('sta'), ['status']);
  assert.deepEqual(await offer('get', ''), ['--help', 'clusters', 'endpoints', 'gateways', 'services', 'stores']);
  assert.deepEqual(await offer('get', 'services', '--n'), ['--namespace']);
});
