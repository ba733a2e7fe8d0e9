/** The checks that an exporting Envoy runs on its own pods: what they find, how soon, and what callers notice of it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readProbes } from '../../gateway-config/agent/probes.ts';
import { exportClusterName, tcpKey } from '../../gateway-config/naming.ts';
import { serviceKey, servicePortKey } from '../../federation/model/ids.ts';
import type { HealthCheck } from '../../federation/model/local.ts';
import type { LocalScenario, Scenario } from '../../gateway-config/testing/scenario.fixture.ts';
import { whoHttp, whoTcp } from './clients.ts';
import type { Mesh } from './mesh.ts';
import { DB, startMesh, WEB } from './mesh.ts';
import { load, tally } from './open-loop.ts';
import { waitFor } from './wait.ts';

const WEB_KEY = servicePortKey(serviceKey('shop', 'web'), 80);
const DB_KEY = servicePortKey(serviceKey('shop', 'db'), 5432);
const CHECKED = new Map<string, string>([
  [exportClusterName(WEB_KEY), WEB_KEY],
  [tcpKey(DB_KEY), DB_KEY],
]);
const HTTP_CHECK: HealthCheck = { type: 'http', path: '/health', intervalMs: 1_000, timeoutMs: 500 };
const TCP_CHECK: HealthCheck = { type: 'tcp', intervalMs: 250, timeoutMs: 200 };
/** The promise is 2 s to the published weight; Envoy's part must leave room for the agent's poll of up to 0.5 s. */
const NOTICED_MS = 1_500;

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
  await mesh.tell('b', (scenario) => checked(scenario, { 'shop/web': HTTP_CHECK, 'shop/db': TCP_CHECK }));
  await mesh.tell('a', noOwnPods);
  await waitFor('b finds its pods healthy', async () => (await healthAtB()).every(({ healthy }) => healthy));
});
after(() => mesh[Symbol.asyncDispose]());

function checked(scenario: Scenario, checks: Readonly<Record<string, HealthCheck>>): Scenario {
  const local = Object.entries(scenario.local ?? {}).map(([key, item]): [string, LocalScenario] => {
    const healthCheck = checks[key];
    return [key, healthCheck === undefined ? item : { ...item, healthCheck }];
  });
  return { ...scenario, local: Object.fromEntries(local) };
}

function noOwnPods(scenario: Scenario): Scenario {
  const local = Object.entries(scenario.local ?? {}).map(([key, item]) => [key, { ...item, endpoints: [] }]);
  return { ...scenario, local: Object.fromEntries(local) };
}

/** As the agent beside b reports it. */
async function healthAtB(): Promise<ReturnType<typeof readProbes>['endpoints']> {
  const answer = (await mesh.b.gateway.admin.get('/clusters?format=json')).toString('utf8');
  const { endpoints } = readProbes(answer, CHECKED);
  return endpoints.length === CHECKED.size ? endpoints : [{ service: '', endpoint: '', healthy: false }];
}

async function isHealthy(service: string): Promise<boolean> {
  return (await healthAtB()).some((found) => found.service === service && found.healthy);
}

function port(service: string): number {
  return mesh.egress[service] ?? assert.fail(`${service} is not imported`);
}

describe('an exported endpoint that fails its check', () => {
  test('by HTTP is found within 1.5 s, no caller notices, and it is used again when it passes', async () => {
    const health = (what: string): Promise<unknown> =>
      fetch(`http://127.0.0.1:${mesh.b.backend.ports.http}/health/${what}`, { method: 'POST' });
    let noticedMs = Number.POSITIVE_INFINITY;
    const outcomes = await load(() => whoHttp(port(WEB)), {
      perSecond: 100,
      seconds: 3,
      event: {
        atSeconds: 0.5,
        run: async () => {
          await health('fail');
          const sinceMs = performance.now();
          await waitFor('b finds it', async () => !(await isHealthy(WEB)));
          noticedMs = performance.now() - sinceMs;
        },
      },
    });
    assert.ok(noticedMs < NOTICED_MS, `${noticedMs} ms`);
    assert.deepEqual(Object.keys(tally(outcomes)), ['b', 'c']);
    const late = outcomes.filter(({ startMs }) => startMs > NOTICED_MS);
    assert.deepEqual(Object.keys(tally(late)), ['c']);
    await health('pass');
    await waitFor('b serves again', async () => (await whoHttp(port(WEB))) === 'b');
  });

  test('by TCP is found within 1.5 s, and connections go elsewhere from then on', async () => {
    const sinceMs = performance.now();
    await mesh.b.backend.kill();
    await waitFor('b finds it', async () => !(await isHealthy(DB)));
    assert.ok(performance.now() - sinceMs < NOTICED_MS, `${performance.now() - sinceMs} ms`);
    const outcomes = await load(() => whoTcp(port(DB)), { perSecond: 100, seconds: 1 });
    assert.deepEqual(tally(outcomes), { c: 100 });
    await mesh.b.backend.restart();
    await waitFor('b is healthy again', () => isHealthy(DB));
    await waitFor('b serves again', async () => (await whoTcp(port(DB))) === 'b');
  });
});
