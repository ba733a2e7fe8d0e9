import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { askController } from './admin-client.ts';
import {
  folderOf,
  freePort,
  initArguments,
  isthmus,
  joinArguments,
  livenessOf,
  type Running,
  start,
  startController,
  until,
} from './processes.fixture.ts';

interface Authority {
  readonly folder: string;
  readonly east: string;
  readonly west: string;
  readonly controller: Running;
}

async function founded(t: TestContext): Promise<Authority> {
  const folder = await folderOf(t);
  const east = join(folder, 'east');
  const { code, stderr } = await isthmus(t, initArguments(east, await freePort()));
  assert.equal(code, 0, stderr);
  return { folder, east, west: join(folder, 'west'), controller: await startController(t, east) };
}

async function tokenFor(t: TestContext, stateDir: string, ...more: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await isthmus(t, [
    'token',
    'create',
    '--cluster',
    'west',
    '--state-dir',
    stateDir,
    ...more,
  ]);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

const SERVICE = `apiVersion: isthmus.dev/v1alpha1
kind: Service
metadata: {namespace: default, name: web}
spec:
  export: true
  ports: [{name: http, port: 80, appProtocol: http}]
  endpoints: [{address: 192.0.2.10, ports: {http: 8080}}]
`;

function text(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve(body));
    });
    asked.on('error', reject).end();
  });
}

interface ServiceList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly ports: readonly { readonly callAt?: string }[] };
  }[];
}

async function callAt(stateDir: string): Promise<string | undefined> {
  const list = await askController(stateDir, '/v1/services').catch(() => undefined);
  // The controller is this program in another process.
  return (list as ServiceList | undefined)?.items.find(({ metadata }) => metadata.name === 'web')?.spec.ports[0]
    ?.callAt;
}

test('a joined site imports a service and still offers it, under the same port, when restarted with everything dark', async (t) => {
  const folder = await folderOf(t);
  const [east, west] = [join(folder, 'east'), join(folder, 'west')];
  const services = join(folder, 'services.yaml');
  await writeFile(services, SERVICE);
  await isthmus(t, initArguments(east, await freePort(), ['--services', services]));
  const authority = await startController(t, east);
  const { code, stderr } = await isthmus(t, joinArguments(west, await tokenFor(t, east)));
  assert.equal(code, 0, stderr);
  const member = await startController(t, west);
  await until('west to import the service', async () => (await callAt(west)) !== undefined);
  await until('east to hear of west', async () => (await livenessOf(east, 'west')) === 'Live');
  const before = await callAt(west);
  await until('the last good state of east on the disk of west', async () => {
    return (await stat(join(west, 'last-good', 'clusters', 'east')).catch(() => undefined)) !== undefined;
  });

  await authority.end('SIGKILL');
  await member.end('SIGKILL');
  await startController(t, west);
  assert.equal(await callAt(west), before);
  const status = await isthmus(t, ['status', '--state-dir', west, '-o', 'json']);
  const { ready, stores } = JSON.parse(status.stdout) as { ready: boolean; stores: { up: boolean }[] };
  assert.deepEqual([ready, stores.map(({ up }) => up)], [true, [false]]);
});

test('a token admits one site once, and none when it is wrong or over', async (t) => {
  const { east, west, folder } = await founded(t);
  const token = await tokenFor(t, east);
  const first = await isthmus(t, joinArguments(west, token));
  assert.equal(first.code, 0, first.stderr);

  const reuse = await isthmus(t, joinArguments(join(folder, 'thief'), token));
  assert.deepEqual([reuse.code, /has been used/.test(reuse.stderr)], [1, true], reuse.stderr);
  const again = await isthmus(t, joinArguments(west, token));
  assert.deepEqual([again.code, /belongs to a site already/.test(again.stderr)], [2, true], again.stderr);
  const wrong = await isthmus(t, joinArguments(join(folder, 'wrong'), 'isthmus1.nonsense'));
  assert.equal(wrong.code, 2, wrong.stderr);

  const brief = await tokenFor(t, east, '--ttl', '1s');
  const expiresAtMs = Date.now() + 1_000;
  await until('the token to expire', () => Date.now() > expiresAtMs);
  const late = await isthmus(t, joinArguments(join(folder, 'late'), brief));
  assert.deepEqual([late.code, /expired/.test(late.stderr)], [1, true], late.stderr);
});

test('a join that was killed while it waited goes on with the same key when it is run again', async (t) => {
  const { east, west, controller } = await founded(t);
  const token = await tokenFor(t, east);
  controller.child.kill('SIGSTOP');
  const interrupted = start(t, joinArguments(west, token));
  const key = join(west, 'keys', 'cluster-ca.pem');
  await until(
    'the request to be kept',
    async () => (await stat(join(west, 'join')).catch(() => undefined)) !== undefined,
  );
  await interrupted.end('SIGKILL');
  const keyBefore = await readFile(key, 'utf8');
  controller.child.kill('SIGCONT');

  const repeated = await isthmus(t, joinArguments(west, token));
  assert.equal(repeated.code, 0, repeated.stderr);
  assert.equal(await readFile(key, 'utf8'), keyBefore);
});

test('init in the folder of a site, or beside its running controller, changes nothing', async (t) => {
  const { east, controller } = await founded(t);
  const root = await readFile(join(east, 'trust', 'root.pem'), 'utf8');
  const beside = await isthmus(t, initArguments(east, 0));
  assert.deepEqual([beside.code, /another process/.test(beside.stderr)], [2, true], beside.stderr);
  const { code } = await controller.end('SIGTERM');
  assert.equal(code, 0, controller.output);
  const again = await isthmus(t, initArguments(east, 0));
  assert.deepEqual([again.code, /belongs to a site already/.test(again.stderr)], [2, true], again.stderr);
  assert.equal(await readFile(join(east, 'trust', 'root.pem'), 'utf8'), root);
});

test('init on a store that another clusterset claimed is refused, and may be repeated with another store', async (t) => {
  const folder = await folderOf(t);
  const store = start(t, ['store', 'serve', '--state-dir', join(folder, 'store'), '--listen', '127.0.0.1:0']);
  await store.untilSaid(/^isthmus:\/\/\S+$/m);
  const [link = ''] = /^isthmus:\/\/\S+$/m.exec(store.output) ?? [];
  const withStore = (site: string): readonly string[] => [
    ...['init', '--clusterset', `${site}.example.org`, '--cluster', 'east', '--dev', '--state-dir', join(folder, site)],
    ...['--gateway-address', '127.0.0.1', '--health-listen', 'off', '--metrics-listen', 'off', '--store', link],
  ];
  const first = await isthmus(t, withStore('first'));
  assert.equal(first.code, 0, first.stderr);
  const second = await isthmus(t, withStore('second'));
  assert.equal(second.code, 1, second.stderr);
  const ownStore = withStore('second').slice(0, -2);
  const elsewhere = await isthmus(t, [...ownStore, '--store-listen', '127.0.0.1:0']);
  assert.equal(elsewhere.code, 0, elsewhere.stderr);
});

test('a site file never holds the claim secret of its store, and keys are for their owner alone', async (t) => {
  const folder = await folderOf(t);
  const store = start(t, ['store', 'serve', '--state-dir', join(folder, 'store'), '--listen', '127.0.0.1:0']);
  await store.untilSaid(/claim=/);
  const [link = ''] = /^isthmus:\/\/\S+$/m.exec(store.output) ?? [];
  const stateDir = join(folder, 'east');
  await isthmus(t, [
    'init',
    '--clusterset',
    'a.example.org',
    '--cluster',
    'east',
    '--state-dir',
    stateDir,
    '--store',
    link,
  ]);
  assert.doesNotMatch(await readFile(join(stateDir, 'site.yaml'), 'utf8'), /claim/);
  for (const file of ['site.yaml', 'keys/root.pem', 'keys/cluster-ca.pem']) {
    assert.equal((await stat(join(stateDir, file))).mode & 0o777, 0o600, file);
  }
});

test('a services file that becomes invalid is told in the log, in /readyz and in the metrics, and its last good is kept', async (t) => {
  const folder = await folderOf(t);
  const [east, services] = [join(folder, 'east'), join(folder, 'services.yaml')];
  await writeFile(services, SERVICE);
  await isthmus(t, initArguments(east, await freePort(), ['--services', services]));
  const controller = await startController(t, east);
  await writeFile(services, SERVICE.replace('port: 80', 'port: eighty'));
  const page = (path: string) => text(join(east, 'admin.sock'), path);
  await until('the finding', async () => (await page('/readyz')).includes('last good kept, 1 problem'));
  assert.match(await page('/readyz'), /^\[\+\] sources: .*services\.yaml:6.*\n[^]*\nok\n$/);
  assert.match(await page('/metrics'), /^isthmus_source_findings\{severity="error"\} 1$/m);
  assert.match(controller.output, /services\.yaml/);
  assert.notEqual(await callAt(east), undefined);
});
