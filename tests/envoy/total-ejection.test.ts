/**
 * Everybody looks dead for a moment (a stall of this machine, a hiccup of the network): each endpoint of a TCP service is
 * ejected. That must not become an outage of its own, for ejections last seconds longer than their cause.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Scenario } from '../../gateway-config/testing/scenario.fixture.ts';
import { whoTcp } from './clients.ts';
import type { Mesh } from './mesh.ts';
import { DB, startMesh } from './mesh.ts';
import { waitFor } from './wait.ts';

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
  await mesh.tell('a', noOwnPods);
  await waitFor('peers serve', async () => /^[bc]$/.test(await whoTcp(port())));
});
after(() => mesh[Symbol.asyncDispose]());

function port(): number {
  return mesh.egress[DB] ?? assert.fail('shop/db is not imported');
}

function noOwnPods(scenario: Scenario): Scenario {
  const local = Object.entries(scenario.local ?? {}).map(([key, item]) => [key, { ...item, endpoints: [] }]);
  return { ...scenario, local: Object.fromEntries(local) };
}

function signal(name: 'SIGSTOP' | 'SIGCONT'): void {
  for (const { gateway } of [mesh.b, mesh.c]) process.kill(gateway.pid ?? assert.fail('no envoy runs'), name);
}

/** `HOST::FLAGS` of a TCP service's endpoints at a. */
async function flags(): Promise<readonly string[]> {
  const text = (await mesh.a.gateway.admin.get('/clusters')).toString('utf8');
  return [...text.matchAll(/^tcp\|shop\/db:5432::[^:]+:\d+::health_flags::(.*)$/gm)].map((match) => match[1] ?? '');
}

test('connections are served the moment the peers are back, while their ejection still lasts', async () => {
  signal('SIGSTOP');
  const caught = Promise.allSettled(Array.from({ length: 4 }, () => whoTcp(port())));
  try {
    await waitFor('both peers are ejected', async () =>
      (await flags()).every((flag) => flag.includes('failed_outlier_check')),
    );
  } finally {
    signal('SIGCONT');
  }
  assert.equal((await flags()).length, 2);
  assert.match(await whoTcp(port()), /^[bc]$/);
  assert.ok(
    (await flags()).every((flag) => flag.includes('failed_outlier_check')),
    'the ejection has not ended yet',
  );
  await caught;
});
