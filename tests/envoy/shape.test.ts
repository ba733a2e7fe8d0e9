/**
 * The promises of the gateway's shape, on three real Envoys with the product's own resources: who is let in, where
 * traffic goes, what is lost when pods, gateways and grants go. The tests share one mesh and run in order.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Scenario } from '../../gateway-config/testing/scenario.fixture.ts';
import { callHttp, whoHttp, whoTcp } from './clients.ts';
import type { Mesh } from './mesh.ts';
import { DB, startMesh, uses, WEB } from './mesh.ts';
import type { LoadPlan, Outcome } from './open-loop.ts';
import { failures, load, tally } from './open-loop.ts';
import { waitFor } from './wait.ts';

const PER_SECOND = 200;
const GOOD = ['a', 'b', 'c'];
/** A TCP connection that was open at the kill cannot be replayed; one that starts later than this must not notice. */
const LATE_MS = 30;

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh[Symbol.asyncDispose]());

function webPort(): number {
  return mesh.egress[WEB] ?? assert.fail('shop/web is not imported');
}

function dbPort(): number {
  return mesh.egress[DB] ?? assert.fail('shop/db is not imported');
}

/** HTTP and TCP at once; the event hits both. */
async function both(
  seconds: number,
  run?: () => Promise<void>,
): Promise<readonly [readonly Outcome[], readonly Outcome[]]> {
  const plan = (event: LoadPlan['event']): LoadPlan => ({ perSecond: PER_SECOND, seconds, event });
  const nothing = async (): Promise<void> => undefined;
  const at = (what: () => Promise<void>): LoadPlan['event'] => ({ atSeconds: 0.5, run: what });
  return Promise.all([
    load(() => whoHttp(webPort()), plan(run === undefined ? undefined : at(run))),
    load(() => whoTcp(dbPort()), plan(run === undefined ? undefined : at(nothing))),
  ]);
}

function assertNoneLost(http: readonly Outcome[]): void {
  assert.deepEqual(failures(http, GOOD), []);
}

function assertNoneLate(tcp: readonly Outcome[]): void {
  const late = lateMs(tcp);
  assert.deepEqual(
    failures(tcp, GOOD).filter(({ startMs }) => startMs > late),
    [],
  );
}

/** On a machine that was slow already before the event, everything about the event is as slow. */
function lateMs(outcomes: readonly Outcome[]): number {
  const earlier = outcomes.filter(({ startMs }) => startMs < 0).map(({ tookMs }) => tookMs);
  return LATE_MS + 2 * Math.max(...earlier);
}

/** 3 : 1, within what 1,200 draws allow (4 standard deviations). */
function assertShares(outcomes: readonly Outcome[]): void {
  const { b = 0, c = 0, ...others } = tally(outcomes);
  assert.deepEqual(others, {});
  assert.ok(Math.abs(b / (b + c) - 0.75) < 0.05, `b ${b}, c ${c}`);
}

/** An application's own error, also one that looks like ours, passes once and unmarked. */
async function assertOwnErrorsPass(where: 'a' | 'b'): Promise<void> {
  for (const method of ['GET', 'POST']) {
    for (const path of ['/status/503', '/forged']) {
      const ran = await executions(`${method} ${path}`);
      for (let index = 0; index < 10; index++) {
        const answer = await callHttp(webPort(), path, { method });
        assert.equal(answer.status, 503);
        const leaked = Object.keys(answer.headers).filter((name) => name.startsWith('isthmus-'));
        assert.deepEqual(leaked, [], `${method} ${path} at ${where}`);
      }
      assert.equal((await executions(`${method} ${path}`)) - ran, 10, `${method} ${path} ran once each`);
    }
  }
}

/** How often the applications ran it, those that live together. */
async function executions(key: string): Promise<number> {
  const counts = await Promise.all(
    [mesh.a, mesh.b, mesh.c].map(({ backend }) => backend.counts().catch(() => undefined)),
  );
  return counts.reduce((sum, each) => sum + (each?.[key] ?? 0), 0);
}

function without(scenario: Scenario, ...keys: readonly string[]): Scenario {
  const local = Object.fromEntries(Object.entries(scenario.local ?? {}).filter(([key]) => !keys.includes(key)));
  return { ...scenario, local };
}

describe('while all is well', () => {
  test('own pods serve everything, HTTP and TCP', async () => {
    const [http, tcp] = await both(1);
    assert.deepEqual([tally(http), tally(tcp)], [{ a: PER_SECOND }, { a: PER_SECOND }]);
  });

  test("an own pod's errors pass untouched, run once, and cannot be forged into ours", async () => {
    await assertOwnErrorsPass('a');
  });

  test('headers of ours and controls of the router do not come from callers', async () => {
    const answer = await callHttp(webPort(), '/headers', {
      headers: { 'isthmus-service': 'shop/other:80', 'isthmus-void': 'x', 'x-envoy-retry-on': '5xx', 'x-own': '1' },
    });
    const seen: unknown = JSON.parse(answer.body);
    assert.ok(typeof seen === 'object' && seen !== null);
    assert.deepEqual(Object.keys(seen).sort(), ['host', 'isthmus-service', 'x-forwarded-proto', 'x-own']);
    assert.ok('isthmus-service' in seen && seen['isthmus-service'] === WEB);
    const ran = await executions('POST /status/503');
    await callHttp(webPort(), '/status/503', {
      method: 'POST',
      headers: { 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '3' },
    });
    assert.equal(await executions('POST /status/503'), ran + 1);
  });
});

describe('when own pods are killed', () => {
  test('no request fails, and no TCP connection that starts later', async () => {
    const [http, tcp] = await both(2, () => mesh.a.backend.kill());
    assertNoneLost(http);
    assertNoneLate(tcp);
  });

  test('the peers share the traffic by their ready endpoints, 3 : 1', async () => {
    const [http, tcp] = await both(6);
    assertShares(http);
    assertShares(tcp);
  });

  test("a remote pod's errors pass untouched, run once, and cannot be forged into ours", async () => {
    await assertOwnErrorsPass('b');
  });

  test('a remote pod sees no header of ours', async () => {
    const answer = await callHttp(webPort(), '/headers', { headers: { 'isthmus-other': 'x' } });
    assert.match(answer.body, /"host"/);
    assert.doesNotMatch(answer.body, /isthmus-/);
  });

  test('the access logs of both ends say source and destination cluster, network and service', async () => {
    const wanted = {
      source_cluster: 'a',
      source_network: 'net-a',
      destination_cluster: 'b',
      destination_network: 'net-b',
    };
    for (const [gateway, log] of [
      [mesh.a.gateway, 'egress'],
      [mesh.b.gateway, 'ingress'],
    ] as const) {
      for (const service of [WEB, DB]) {
        await waitFor(`${log} log of ${service}`, async () =>
          (await gateway.accessLog()).some((entry) =>
            Object.entries({ ...wanted, log, destination_service: service }).every(
              ([name, value]) => entry[name] === value,
            ),
          ),
        );
      }
    }
  });
});

describe('when b can serve no longer', () => {
  test('its pods killed behind a living gateway: refusals are marked, no request fails', async () => {
    await using restarted = new AsyncDisposableStack();
    restarted.defer(() => mesh.b.backend.restart());
    const [http, tcp] = await both(2, () => mesh.b.backend.kill());
    assertNoneLost(http);
    assertNoneLate(tcp);
    const marked = (await mesh.b.gateway.accessLog()).filter(
      ({ status, reply, requested_service: service, destination_service: route }) =>
        status === 503 && reply === 'unsent' && (service === WEB || route === WEB),
    );
    assert.ok(marked.length > 20, `only ${marked.length} marked`);
  });

  test('withdrawn at b while a does not know yet: c serves, and a POST runs exactly once', async () => {
    await using restored = new AsyncDisposableStack();
    restored.defer(() => mesh.tell('b', (scenario) => scenario));
    await mesh.tell('b', (scenario) => without(scenario, 'shop/web', 'shop/db'));
    await waitFor('b refuses the TCP service', async () => (await whoTcp(dbPort())) === 'c' && refusedTcp());
    const [http, tcp] = await both(1);
    assert.deepEqual([tally(http), tally(tcp)], [{ c: PER_SECOND }, { c: PER_SECOND }]);
    const posts = await Promise.all(
      Array.from({ length: 100 }, () => callHttp(webPort(), '/once', { method: 'POST' })),
    );
    assert.deepEqual([...new Set(posts.map(({ status }) => status))], [200]);
    assert.equal(await executions('POST /once'), 100);
    const refused = (await mesh.b.gateway.accessLog()).filter(
      ({ status, reply, reason }) => status === 404 && reply === 'unsent' && reason === 'not-exported',
    );
    assert.ok(refused.length > 20, `only ${refused.length} refused`);
  });

  test('its gateway killed: no request fails, and no TCP connection that starts later', async () => {
    await using restarted = new AsyncDisposableStack();
    restarted.defer(() => mesh.b.gateway.restart());
    await uses(mesh, 'b');
    const [http, tcp] = await both(2, () => mesh.b.gateway.kill());
    assertNoneLost(http);
    assertNoneLate(tcp);
    assert.ok((tally(http)['b'] ?? 0) > 0, 'b served before');
    assert.deepEqual(Object.keys(tally(http.filter(({ startMs }) => startMs > lateMs(http)))), ['c']);
  });

  test('own pods are used again when they are back', async () => {
    await mesh.a.backend.restart();
    await waitFor('own pods serve', async () => (await whoHttp(webPort())) === 'a' && (await whoTcp(dbPort())) === 'a');
    await waitFor('no ejection is left', async () => {
      const active = await mesh.a.gateway.stats('ejections_active$');
      return Object.values(active).every((count) => count === 0);
    });
    const [http, tcp] = await both(1);
    assert.deepEqual([tally(http), tally(tcp)], [{ a: PER_SECOND }, { a: PER_SECOND }]);
  });
});

async function refusedTcp(): Promise<boolean> {
  const log = await mesh.b.gateway.accessLog();
  return log.some(({ log: kind, flags }) => kind === 'ingress-connection' && flags === 'NR');
}
