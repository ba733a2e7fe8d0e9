import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { type ConfigInputs, loadConfig, type LoadedConfig } from './load.ts';
import { printConfig, redactStoreUrl } from './print.ts';
import type { SiteConfig } from './site.ts';

const PIN = `pin=sha256:${'a'.repeat(64)}`;
const CLAIM = 'TOPSECRETTOPSECRET';

const SITE = `apiVersion: isthmus.dev/v1alpha1
kind: Site
metadata: {name: east}
spec:
  clusterset: prod.example.org
  network: a
  store: ["embedded:store.db"]
  stateDir: state
  services: [services]
  gateways:
    - {name: main, address: 203.0.113.1}
`;

async function siteFile(t: TestContext, text: string): Promise<{ folder: string; file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-config-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'site.yaml');
  await writeFile(file, text);
  return { folder, file };
}

async function load(inputs: Partial<ConfigInputs>): Promise<SiteConfig> {
  const loaded = await loadConfig({ env: {}, flags: {}, ...inputs });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.config;
}

function problems(loaded: LoadedConfig): string[] {
  return loaded.findings.map(({ file, line, field, reason }) => [file, line, field, reason].join(' '));
}

test('a file alone gives the configuration with defaults, units and absolute paths', async (t) => {
  const { folder, file } = await siteFile(t, SITE);
  assert.deepEqual(await load({ file }), {
    cluster: 'east',
    clusterset: 'prod.example.org',
    network: 'a',
    store: [`embedded:${folder}/store.db`],
    stateDir: join(folder, 'state'),
    services: [join(folder, 'services')],
    gateways: [
      {
        name: 'main',
        address: '203.0.113.1',
        port: 15_443,
        listenAddress: '0.0.0.0',
        egressAddress: '127.0.0.1',
        weight: 100,
      },
    ],
    podRouting: 'gateway',
    podCIDRs: [],
    serviceCIDRs: [],
    failBackAfterMs: 30_000,
    withdrawAfterMs: 10_000,
    leafLifetimeMs: 86_400_000,
    authority: false,
    dev: false,
    logLevel: 'info',
    listen: {
      health: { host: '127.0.0.1', port: 15_020 },
      metrics: { host: '127.0.0.1', port: 15_014 },
      store: undefined,
      xds: undefined,
    },
  });
});

test('file < environment < flags, and paths are meant from where they were written', async (t) => {
  const { folder, file } = await siteFile(t, SITE);
  const config = await load({
    file,
    env: {
      ISTHMUS_NETWORK: 'b',
      ISTHMUS_ZONE: 'z1',
      ISTHMUS_SERVICES: 'x,y/*.yaml',
      ISTHMUS_DEV: 'true',
      ISTHMUS_REGION: '',
      ISTHMUS_HEALTH_LISTEN: '[::1]:0',
    },
    flags: { network: 'c', failBackAfter: '3s', authority: true, unrelated: 1 },
    cwd: '/elsewhere',
  });
  assert.equal(config.network, 'c');
  assert.equal(config.zone, 'z1');
  assert.equal(config.region, undefined);
  assert.equal(config.failBackAfterMs, 3_000);
  assert.equal(config.dev, true);
  assert.equal(config.authority, true);
  assert.deepEqual(config.listen.health, { host: '::1', port: 0 });
  assert.deepEqual(config.services, ['/elsewhere/x', '/elsewhere/y/*.yaml']);
  assert.equal(config.stateDir, join(folder, 'state'));
});

test('no file is needed when environment and flags say everything', async () => {
  const env = { ISTHMUS_CLUSTER: 'east', ISTHMUS_CLUSTERSET: 'prod.example.org', ISTHMUS_NETWORK: 'a' };
  const config = await load({ env, flags: { store: `isthmus://h:15090?${PIN}` }, cwd: '/w' });
  assert.equal(config.stateDir, '/var/lib/isthmus');
  assert.deepEqual(config.store, [`isthmus://h:15090?${PIN}`]);
});

test('several stores in one flag or variable are separated by commas, and a URL may have commas of its own', async () => {
  const base = { ISTHMUS_CLUSTER: 'east', ISTHMUS_CLUSTERSET: 'prod.example.org', ISTHMUS_NETWORK: 'a' };
  const stores = [`isthmus://h:15090?${PIN}`, 'embedded:/w/a,b.db', 'memory:m'];
  for (const inputs of [
    { env: { ...base, ISTHMUS_STORE: stores.join(', ') }, flags: {} },
    { env: base, flags: { store: [stores.slice(0, 2).join(','), 'memory:m'] } },
  ]) {
    assert.deepEqual((await load({ ...inputs, cwd: '/w' })).store, stores);
  }
});

test('ISTHMUS_CONFIG names the file when --config does not', async (t) => {
  const { file } = await siteFile(t, SITE);
  assert.equal((await load({ env: { ISTHMUS_CONFIG: file } })).cluster, 'east');
});

test('a bad value names the variable or flag that it came from', async (t) => {
  const { file } = await siteFile(t, SITE);
  const loaded = await loadConfig({
    file,
    env: { ISTHMUS_DEV: 'maybe', ISTHMUS_POD_CIDRS: '10.0.0.0/8,nonsense' },
    flags: { logLevel: 'loud' },
  });
  assert.ok(!loaded.ok);
  assert.deepEqual(problems(loaded).toSorted(), [
    'environment  ISTHMUS_DEV WrongType',
    'environment  ISTHMUS_POD_CIDRS InvalidCIDR',
    'flags  --log-level InvalidValue',
  ]);
});

test('without anything, every required setting is asked for with the ways to give it', async () => {
  const loaded = await loadConfig({ env: {}, flags: {} });
  assert.ok(!loaded.ok);
  assert.deepEqual(
    loaded.findings.map(({ field, hint }) => [field, hint]),
    [
      ['metadata.name', 'give --cluster, ISTHMUS_CLUSTER or a file by --config'],
      ['spec.clusterset', 'give --clusterset, ISTHMUS_CLUSTERSET or a file by --config'],
      ['spec.network', 'give --network, ISTHMUS_NETWORK or a file by --config'],
      ['spec.store', 'give --store, ISTHMUS_STORE or a file by --config'],
    ],
  );
});

test('a mistyped variable is a warning, and what Kubernetes injects is none', async (t) => {
  const { file } = await siteFile(t, SITE);
  const env = { ISTHMUS_NETWRK: 'x', ISTHMUS_SERVICE_HOST: '10.0.0.1', ISTHMUS_PORT_15010_TCP: 'tcp://10.0.0.1:15010' };
  const loaded = await loadConfig({ file, env, flags: {} });
  assert.ok(loaded.ok);
  assert.deepEqual(problems(loaded), ['environment  ISTHMUS_NETWRK UnknownVariable']);
});

test('services in the site file are served from it', async (t) => {
  const service =
    'apiVersion: isthmus.dev/v1alpha1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n';
  const { folder, file } = await siteFile(t, `${SITE}---\n${service}`);
  assert.deepEqual((await load({ file })).services, [join(folder, 'services'), file]);
});

for (const [name, text, expected] of [
  ['a second site', `${SITE}---\n${SITE.replace('name: east', 'name: west')}`, '14 kind SeveralSites'],
  ['the same site twice', `${SITE}---\n${SITE}`, '15 metadata.name DuplicateCluster'],
  [
    'no site',
    'apiVersion: isthmus.dev/v1alpha1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 1}]}\n',
    '1  NoSite',
  ],
  [
    'a bad service',
    `${SITE}---\napiVersion: isthmus.dev/v1alpha1\nkind: Service\nmetadata: {name: a}\nspec: {ports: []}\n`,
    '16 spec.ports InvalidValue',
  ],
] as const) {
  test(`a file with ${name} starts nothing`, async (t) => {
    const { file } = await siteFile(t, text);
    const loaded = await loadConfig({ file, env: {}, flags: {} });
    assert.ok(!loaded.ok);
    assert.ok(problems(loaded).includes(`${file} ${expected}`), problems(loaded).join('\n'));
  });
}

for (const [name, path, reason] of [
  ['missing', '/nowhere/site.yaml', 'FileNotFound'],
  ['a folder', tmpdir(), 'NotAFile'],
  ['a device', '/dev/zero', 'NotAFile'],
] as const) {
  test(`a config file that is ${name} is one finding`, async () => {
    const loaded = await loadConfig({ file: path, env: {}, flags: {} });
    assert.ok(!loaded.ok);
    assert.deepEqual(
      loaded.findings.map((finding) => [finding.file, finding.reason]),
      [[path, reason]],
    );
  });
}

test('the printed configuration loads again to the same one, and says where values came from', async (t) => {
  const { folder, file } = await siteFile(t, SITE);
  const inputs = { file, env: { ISTHMUS_ZONE: 'z1' }, flags: { failBackAfter: '1500ms' } };
  const loaded = await loadConfig(inputs);
  assert.ok(loaded.ok);
  const printed = printConfig(loaded.config, loaded.originOf);
  assert.match(printed, /zone: z1 # from environment: ISTHMUS_ZONE/);
  assert.match(printed, /failBackAfter: 1500ms # from flags: --fail-back-after/);
  const again = join(folder, 'again.yaml');
  await writeFile(again, printed);
  assert.deepEqual(await load({ file: again }), loaded.config);
});

test('the printed configuration of a cluster of Kubernetes loads again to the same one', async (t) => {
  const text = SITE.replace(/^ {2}(store|services):.*\n/gm, '').replace(/^ {2}gateways:[^]*$/m, '');
  const kubernetes = 'kubernetes: {kubeconfig: east.kubeconfig, dnsListen: "[::1]:53", gatewayListenAddress: "::"}';
  const { folder, file } = await siteFile(t, `${text}  podRouting: direct\n  imports: [shop]\n  ${kubernetes}\n`);
  const config = await load({ file });
  const again = join(folder, 'again.yaml');
  await writeFile(again, printConfig(config));
  assert.deepEqual(await load({ file: again }), config);
});

test('the printed configuration shows no secret of a store', async (t) => {
  const { file } = await siteFile(t, SITE);
  const config = await load({ file, env: { ISTHMUS_STORE: `isthmus://h:1?${PIN}&claim=${CLAIM}` } });
  const printed = printConfig(config);
  assert.ok(!printed.includes(CLAIM));
  const { spec } = parse(printed) as { spec: { store: string[] } };
  assert.deepEqual(spec.store, [`isthmus://h:1?${PIN}&claim=[redacted]`]);
  assert.equal(redactStoreUrl('redis://user:pass@h:1/0'), 'redis://user:[redacted]@h:1/0');
});
