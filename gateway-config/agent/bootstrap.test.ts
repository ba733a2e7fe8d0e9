import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { VoidToken } from '../ir.ts';
import { bootstrapJson } from './bootstrap.ts';
import { findEnvoy } from './envoy-binary.ts';
import { makeFolder } from './site.fixture.ts';

const TOKEN = '0123456789abcdef0123456789abcdef';

function bootstrap(folder: string): string {
  return bootstrapJson({
    gateway: 'gw-1',
    cluster: 'east',
    gatewaySet: 'one',
    network: 'net-east',
    region: 'r1',
    zone: 'z1',
    agentSocket: join(folder, 'agent.sock'),
    adminSocket: join(folder, 'envoy.sock'),
    voidToken: new VoidToken(TOKEN),
  });
}

test('envoy accepts the bootstrap', async () => {
  await using folder = await makeFolder();
  const path = join(folder.path, 'envoy.json');
  await writeFile(path, bootstrap(folder.path));
  const { stderr } = await promisify(execFile)(findEnvoy({ env: process.env }), ['--mode', 'validate', '-c', path]);
  assert.doesNotMatch(stderr, /\[(error|critical)\]|deprecated/);
});

test('it says who the gateway is and where it stands', () => {
  const { node, admin } = JSON.parse(bootstrap('/f'));
  assert.deepEqual(node, {
    id: 'gw-1',
    cluster: 'east',
    locality: { region: 'r1', zone: 'z1' },
    metadata: { network: 'net-east', gatewaySet: 'one' },
  });
  assert.deepEqual(admin.address, { pipe: { path: '/f/envoy.sock', mode: 0o600 } });
});

test('the void listener is static and the only place of the token', () => {
  const text = bootstrap('/f');
  assert.equal(text.split(TOKEN).length, 2);
  const { staticResources, dynamicResources } = JSON.parse(text);
  assert.deepEqual(
    staticResources.listeners.map(({ name }: { name: string }) => name),
    ['void'],
  );
  assert.ok(JSON.stringify(staticResources.listeners).includes(TOKEN));
  assert.equal(dynamicResources.cdsConfig.initialFetchTimeout, '0s');
});
