import assert from 'node:assert/strict';
import { until } from '../../redis/until.ts';
import { APP, callerPod, exportedApp, NAMESPACE, namespace, untilAppReady } from '../app.ts';
import { callFor, firstLine } from '../caller.ts';
import type { Outcome, Scenario, Stage } from '../scenario.ts';

const HOST = `${APP}.${NAMESPACE}.svc.clusterset.local`;

/** A Service of the last cluster, called by name from a pod of the first. */
export const exchange: Scenario = {
  name: 'exchange',
  promise: 'a service that one cluster exports is called by name from a pod of the other, by HTTP and TCP',
  run: exchangeIn,
};

async function exchangeIn({ linked, image }: Stage): Promise<Outcome> {
  const [caller, callee] = [linked.clusters[0], linked.clusters.at(-1)];
  assert.ok(caller !== undefined && callee !== undefined && caller !== callee);
  await Promise.all(linked.clusters.map(({ kind }) => kind.apply(namespace())));
  const startedMs = performance.now();
  await Promise.all([
    callee.kind.apply(...exportedApp({ image, who: callee.plan.name })),
    caller.kind.apply(callerPod(image)),
  ]);
  await untilAppReady(callee.kind);
  await caller.kind.kubectl(['-n', NAMESPACE, 'wait', 'pod/caller', '--for=condition=Ready', '--timeout=60s']);
  await until(
    'the name to be answered',
    async () => (await callFor(caller.kind, { url: `http://${HOST}/`, forMs: 1 })).failed === 0,
    60_000,
  );
  const recoveryMs = Math.round(performance.now() - startedMs);
  const counted = await callFor(caller.kind, { url: `http://${HOST}/`, forMs: 5_000 });
  assert.deepEqual([counted.failed, Object.keys(counted.answers)], [0, [callee.plan.name]]);
  assert.equal(await firstLine(caller.kind, HOST, 9_090), callee.plan.name);
  return { counted, recoveryMs };
}
