import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
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
  startController,
  until,
} from './processes.fixture.ts';

const SERVICE = `apiVersion: isthmus.dev/v1alpha1
kind: Service
metadata: {namespace: default, name: web}
spec:
  export: true
  ports: [{name: http, port: 80, appProtocol: http}]
  endpoints: [{address: 192.0.2.10}]
`;

async function pair(t: TestContext) {
  const folder = await folderOf(t);
  const [east, west] = [join(folder, 'east'), join(folder, 'west')];
  const services = join(folder, 'services.yaml');
  await writeFile(services, SERVICE);
  await isthmus(t, initArguments(east, await freePort()));
  await startController(t, east);
  await joinWest(t, east, west, services);
  const controller = await startController(t, west);
  await until('east to import what west exports', async () => (await backendsOf(east)) === 'west');
  return { east, west, services, controller };
}

async function joinWest(t: TestContext, east: string, west: string, services: string): Promise<void> {
  const made = await isthmus(t, ['token', 'create', '--cluster', 'west', '--state-dir', east]);
  const joined = await isthmus(t, joinArguments(west, made.stdout.trim(), ['--services', services]));
  assert.equal(joined.code, 0, joined.stderr);
}

/** Who serves default/web, as the controller of `stateDir` sees it. */
async function backendsOf(stateDir: string): Promise<string> {
  const state = (await askController(stateDir, '/debug/state').catch(() => undefined)) as
    | {
        readonly services: readonly (readonly [
          string,
          { readonly backends: readonly { readonly cluster: string }[] },
        ])[];
      }
    | undefined;
  const text = JSON.stringify(state?.services ?? {});
  return [...text.matchAll(/"cluster":"([a-z]+)"/g)].map((match) => match[1]).join(',');
}

async function anchorsOf(stateDir: string): Promise<string> {
  const ir = (await askController(stateDir, '/debug/ir')) as {
    readonly peers: readonly { readonly cluster: string }[];
  };
  return ir.peers.map(({ cluster }) => cluster).join(',');
}

test('a cluster that leaves is let go by the others within seconds, and comes back as another life', async (t) => {
  const { east, west, services, controller } = await pair(t);
  const left = await isthmus(t, ['leave', '--state-dir', west]);
  assert.equal(left.code, 0, left.stderr);
  assert.match(left.stdout, /said goodbye in version \d+\nthe authority has taken this cluster off the roster/);
  await until('east to let west go', async () => (await backendsOf(east)) === '' && (await anchorsOf(east)) === '');
  assert.notEqual(await livenessOf(east, 'west'), 'Live');

  // Started again, it does not export anything as if nothing had been.
  await controller.end('SIGTERM');
  const again = await startController(t, west);
  assert.equal(await backendsOf(east), '');
  const running = await isthmus(t, ['leave', '--purge', '--state-dir', west]);
  assert.deepEqual([running.code, /still runs/.test(running.stderr)], [2, true]);
  await again.end('SIGTERM');
  const purged = await isthmus(t, ['leave', '--purge', '--state-dir', west]);
  assert.equal(purged.code, 0, purged.stderr);
  await assert.rejects(stat(west), { code: 'ENOENT' });

  await joinWest(t, east, west, services);
  await startController(t, west);
  await until('east to import from the new life', async () => (await backendsOf(east)) === 'west');
});

test('the authority cannot leave, and a site that has not left is not purged', async (t) => {
  const folder = await folderOf(t);
  const east = join(folder, 'east');
  await isthmus(t, initArguments(east, await freePort()));
  const controller = await startController(t, east);
  const left = await isthmus(t, ['leave', '--state-dir', east]);
  assert.deepEqual([left.code, /is the authority/.test(left.stderr)], [2, true]);
  await controller.end('SIGTERM');
  const purged = await isthmus(t, ['leave', '--purge', '--state-dir', east]);
  assert.deepEqual([purged.code, /has not left/.test(purged.stderr)], [2, true]);
});
