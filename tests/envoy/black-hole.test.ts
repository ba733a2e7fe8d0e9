/**
 * A gateway that is there and says nothing: its packets vanish, or it hangs. Nothing is refused and nothing is reset, so
 * only what the importing gateway does by itself helps.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Scenario } from '../../gateway-config/testing/scenario.fixture.ts';
import { whoHttp, whoTcp } from './clients.ts';
import type { Mesh } from './mesh.ts';
import { DB, startMesh, uses, WEB } from './mesh.ts';
import type { LoadPlan } from './open-loop.ts';
import { failures, load, tally } from './open-loop.ts';
import { waitFor } from './wait.ts';

const PER_SECOND = 100;
/** Keep-alive is 0.7 s + 1.2 s; the rest is this machine. */
const RECOVERED_MS = 2_500;
const QUICK_MS = 500;
/** Both loads tell the moment of the event to within this. */
const LATE_MS = 30;

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
  await mesh.tell('a', noOwnPods);
  await waitFor('peers serve', async () => /^[bc]$/.test(await whoHttp(port(WEB))));
});
after(() => mesh[Symbol.asyncDispose]());

function port(service: string): number {
  return mesh.egress[service] ?? assert.fail(`${service} is not imported`);
}

function noOwnPods(scenario: Scenario): Scenario {
  const local = Object.entries(scenario.local ?? {}).map(([key, item]) => [key, { ...item, endpoints: [] }]);
  return { ...scenario, local: Object.fromEntries(local) };
}

function stop(): () => void {
  const pid = mesh.b.gateway.pid ?? assert.fail('no envoy runs');
  process.kill(pid, 'SIGSTOP');
  return () => process.kill(pid, 'SIGCONT');
}

test('b falls silent: every GET is answered, and from 2.5 s on at once; new TCP connections go elsewhere', async () => {
  const plan = (run: () => Promise<void>): LoadPlan => ({
    perSecond: PER_SECOND,
    seconds: 4,
    event: { atSeconds: 0.5, run },
  });
  using resume = new DisposableStack();
  const [http, tcp] = await Promise.all([
    load(
      () => whoHttp(port(WEB)),
      plan(async () => resume.defer(stop())),
    ),
    load(
      () => whoTcp(port(DB)),
      plan(async () => undefined),
    ),
  ]);
  assert.deepEqual(failures(http, ['b', 'c']), []);
  assert.ok((tally(http)['b'] ?? 0) > 0, 'b served before');
  const recovered = http.filter(({ startMs }) => startMs > RECOVERED_MS);
  assert.deepEqual(Object.keys(tally(recovered)), ['c']);
  assert.deepEqual(
    recovered.filter(({ tookMs }) => tookMs > QUICK_MS),
    [],
  );
  // Those that b had accepted at that moment wait for it; no later one does.
  assert.deepEqual(
    failures(tcp, ['b', 'c']).filter(({ startMs }) => startMs > LATE_MS),
    [],
  );
  resume.dispose();
  await uses(mesh, 'b');
});
