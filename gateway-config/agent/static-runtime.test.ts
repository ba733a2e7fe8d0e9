import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { edsCluster, endpoints, snapshotOf } from './envoy-resources.fixture.ts';
import { makeFolder, startAgent, startController, TestAuthority } from './site.fixture.ts';

const WAIT_MS = 20_000;

test("Envoy's guard against early resets is out of reach of impatient callers of one service", async () => {
  await using made = new AsyncDisposableStack();
  const folder = made.use(await makeFolder());
  const socketPath = join(folder.path, 'c.sock');
  const snapshot = snapshotOf(edsCluster('one'), endpoints('one', 1));
  made.use(await startController({ socketPath, authority: new TestAuthority(), snapshot }));
  const agent = await startAgent({ controllerSocket: socketPath, stateDir: join(folder.path, 'g') });
  made.defer(() => agent.close());
  await agent.live(AbortSignal.timeout(WAIT_MS));
  const runtime = JSON.parse((await agent.admin.get('/runtime')).toString('utf8')) as {
    readonly entries: Readonly<Record<string, { readonly final_value: string }>>;
  };
  const entry = runtime.entries['overload.premature_reset_total_stream_count'];
  assert.equal(Number(entry?.final_value), 1_000_000_000);
});
