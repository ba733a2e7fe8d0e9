import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { adminRoutes } from '../../controller/admin/routes.ts';
import { AdminServer } from '../../controller/admin/server.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { reportError } from '../exit.ts';
import type { Io } from '../io.ts';
import { buildProgram } from '../program.ts';

/** `get` and `status` against a real admin server on a real socket. */
const CLUSTERS = {
  apiVersion: 'isthmus.dev/v1alpha1',
  kind: 'ClusterList',
  items: [
    {
      metadata: { name: 'east' },
      spec: { network: 'a', softwareVersion: '0.1.0' },
      status: {
        self: true,
        membership: 'active',
        liveness: 'Live',
        reason: 'Self',
        message: '',
        serving: true,
        gateways: 1,
        services: 2,
      },
    },
    {
      metadata: { name: 'west' },
      status: {
        self: false,
        membership: 'active',
        liveness: 'Stale',
        reason: 'HeadStale',
        message: '',
        forSeconds: 75,
        serving: true,
        gateways: 0,
        services: 0,
      },
    },
  ],
};

const service = (namespace: string, name: string): object => ({
  metadata: { namespace, name },
  spec: {
    type: 'ClusterSetIP',
    ports: [{ name: '', port: 80, protocol: 'TCP', appProtocol: 'http', callAt: '10.0.0.1:20001' }],
  },
  status: {
    exported: true,
    localReady: 1,
    localEndpoints: 2,
    backends: [{ cluster: 'west', network: 'b', ready: 3, standby: true }],
    conflicts: [],
  },
});

const SERVICES = {
  apiVersion: 'isthmus.dev/v1alpha1',
  kind: 'ServiceList',
  items: [service('default', 'web'), service('shop', 'web')],
};

const GATEWAYS = {
  kind: 'GatewayList',
  items: [
    {
      metadata: { name: 'main' },
      spec: { cluster: 'east', addresses: ['203.0.113.1:15443'], weight: 100, draining: false, modes: ['http', 'tcp'] },
      status: { probe: 'unknown', programmed: { connected: true, acknowledged: 1, pending: 2, refused: [] } },
    },
  ],
};

const ENDPOINTS = {
  kind: 'EndpointList',
  items: [
    {
      metadata: { namespace: 'default', name: 'web' },
      spec: { cluster: 'east', port: 80, address: '10.0.0.1:8080' },
      status: { ready: false, reason: 'HealthCheckFailed', tier: 0, weight: 1 },
    },
    {
      metadata: { namespace: 'default', name: 'web' },
      spec: { cluster: 'west', port: 80 },
      status: { ready: true, tier: 1, weight: 3 },
    },
  ],
};

const STORES = {
  apiVersion: 'isthmus.dev/v1alpha1',
  kind: 'StoreList',
  items: [
    {
      metadata: { name: 'isthmus://h:1' },
      spec: { url: 'isthmus://h:1?pin=a', position: 0 },
      status: { link: 'up', forSeconds: 90, behind: 0, published: 12, pending: false },
    },
    {
      metadata: { name: 'redis://r:2' },
      spec: { url: 'redis://r:2', position: 1 },
      status: { link: 'down', forSeconds: 3, behind: 2, published: 11, pending: true, message: 'refused' },
    },
  ],
};

const STATUS = {
  kind: 'Status',
  cluster: 'east',
  clusterset: 'prod.example.org',
  network: 'a',
  version: '0.1.0',
  uptimeSeconds: 60,
  ready: true,
  checks: [{ name: 'sources', ok: true }],
  stores: [{ url: 'embedded:/x', up: true, forSeconds: 60 }],
  peers: { total: 2, live: 1, stale: 1, unreachable: 0, gone: 0, unknown: 0 },
  gateways: { total: 1, connected: 1, pending: 0, refused: 0 },
  services: { exported: 1, callable: 1, conflicts: 0 },
  certificates: [{ name: 'root', notAfter: '2036-11-24T00:00:00.000Z', remainingSeconds: 315_360_000 }],
  rosterVersion: 3,
  role: { kind: 'sole', forSeconds: 60 },
  findings: [] as object[],
};

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function controller(t: TestContext, statusObject: object = STATUS): Promise<(line: string) => Promise<Outcome>> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-get-'));
  const routes = adminRoutes({
    healthz: () => [],
    readyz: () => [],
    metrics: () => Promise.resolve(''),
    debug: {},
    api: {
      clusters: () => CLUSTERS,
      services: () => SERVICES,
      gateways: () => GATEWAYS,
      endpoints: () => ENDPOINTS,
      stores: () => STORES,
      status: () => statusObject,
    },
  });
  const server = new AdminServer(
    { clock: new SystemClock(), log: silentLogger },
    { routes, socketPath: join(folder, 'admin.sock') },
  );
  await server.start();
  t.after(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return (line) => run([...line.split(' '), '--state-dir', folder]);
}

async function run(args: readonly string[]): Promise<Outcome> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io: Io = { stdout, stderr, env: {}, cwd: '/', stopSignal: () => new AbortController().signal };
  let code = 0;
  try {
    await buildProgram(io).parseAsync(args, { from: 'user' });
  } catch (error) {
    code = reportError(error, io);
  }
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

for (const [line, expected] of [
  [
    'get clusters',
    `NAME          NETWORK   STATE   FOR      GATEWAYS   SERVICES
east (this)   a         Live    <none>   1          2
west          <none>    Stale   75s      0          0
`,
  ],
  [
    'get services',
    `NAMESPACE   NAME   PORTS     EXPORTED   LOCAL   CLUSTERS          CALL-AT
default     web    80/http   yes        1/2     west:3(standby)   10.0.0.1:20001
shop        web    80/http   yes        1/2     west:3(standby)   10.0.0.1:20001
`,
  ],
  [
    'get gateways',
    `CLUSTER   NAME   ADDRESS             PROBE     PROGRAMMED
east      main   203.0.113.1:15443   unknown   2 pending
`,
  ],
  [
    'get endpoints',
    `NAMESPACE   SERVICE   ORDER   CLUSTER   ADDRESS         WEIGHT   READY
default     web:80    0       east      10.0.0.1:8080   1        HealthCheckFailed
default     web:80    1       west      its gateways    3        yes
`,
  ],
  [
    'get stores',
    `NAME            LINK   FOR   BEHIND   PUBLISHED   MESSAGE
isthmus://h:1   up     90s   0        12          <none>
redis://r:2     down   3s    2        pending     refused
`,
  ],
  ['get clusters -o name', 'cluster/east\ncluster/west\n'],
  ['get service -n shop -o name', 'service/shop/web\n'],
  ['get cluster west -o name', 'cluster/west\n'],
  ['get endpoints -o name', 'endpoint/default/web:80@10.0.0.1:8080\nendpoint/default/web:80@west\n'],
] as const) {
  test(`isthmus ${line} prints its table`, async (t) => {
    const ask = await controller(t);
    assert.deepEqual(await ask(line), { code: 0, stdout: expected, stderr: '' });
  });
}

test('wide shows more columns', async (t) => {
  const { stdout } = await (await controller(t))('get clusters -o wide');
  assert.match(stdout, /^NAME .* REGION +ZONE +VERSION +REASON\n/);
});

test('json and yaml are the complete objects', async (t) => {
  const ask = await controller(t);
  assert.deepEqual(JSON.parse((await ask('get services -o json')).stdout), SERVICES);
  assert.deepEqual(parse((await ask('get services -o yaml')).stdout), SERVICES);
  assert.deepEqual(JSON.parse((await ask('status -o json')).stdout), STATUS);
});

test('nothing found is said on standard error, and is no failure', async (t) => {
  const ask = await controller(t);
  assert.deepEqual(await ask('get services -n nowhere'), { code: 0, stdout: '', stderr: 'no services found\n' });
});

test('status is one page, and exits 0 when all is well', async (t) => {
  const { code, stdout } = await (await controller(t))('status');
  assert.equal(code, 0);
  assert.match(stdout, /^Cluster: +east in clusterset prod\.example\.org, network a$/m);
  assert.match(stdout, /^Peers: +2: 1 live, 1 stale$/m);
  assert.match(stdout, /^Store: +embedded:\/x up for 60s$/m);
});

test('status says what a store of several lacks', async (t) => {
  const stores = [
    { url: 'embedded:/x', up: true, forSeconds: 60, behind: 0, pending: false },
    { url: 'redis://r:2', up: true, forSeconds: 3, behind: 1, pending: true },
    { url: 'redis://r:3', up: false, forSeconds: 3, message: 'refused' },
  ];
  const { stdout } = await (await controller(t, { ...STATUS, stores }))('status');
  assert.match(stdout, /^Store: +embedded:\/x up for 60s$/m);
  assert.match(
    stdout,
    /^Store: +redis:\/\/r:2 up for 3s, lacks the newest of 1 cluster, lacks the newest of this cluster$/m,
  );
  assert.match(stdout, /^Store: +redis:\/\/r:3 down for 3s, refused$/m);
});

for (const [name, change] of [
  ['not ready', { ready: false, checks: [{ name: 'xds', ok: false, message: 'not listening' }] }],
  ['an error', { findings: [{ severity: 'error', reason: 'X', message: 'is broken', file: 'a.yaml', line: 3 }] }],
] as const) {
  test(`status exits 3 with ${name}`, async (t) => {
    const { code, stdout } = await (await controller(t, { ...STATUS, ...change }))('status');
    assert.equal(code, 3);
    assert.match(stdout, /not listening|a\.yaml:3: is broken/);
  });
}
