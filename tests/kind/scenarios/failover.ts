import assert from 'node:assert/strict';
import { APP, exportedApp, NAMESPACE, untilAppReady } from '../app.ts';
import { callFor } from '../caller.ts';
import type { Outcome, Scenario, Stage } from '../scenario.ts';

/** Both clusters have the service; the caller's own pods go. */
export const failover: Scenario = {
  name: 'failover',
  promise: 'when the last local endpoint goes, the other cluster answers, and no request fails',
  run: failoverIn,
};

const CALLS_MS = 20_000;
const BEFORE_MS = 6_000;

async function failoverIn({ linked, image, onStep }: Stage): Promise<Outcome> {
  const [caller, callee] = [linked.clusters[0], linked.clusters.at(-1)];
  assert.ok(caller !== undefined && callee !== undefined);
  await caller.kind.apply(...exportedApp({ image, who: caller.plan.name }));
  await untilAppReady(caller.kind);
  const url = `http://${APP}.${NAMESPACE}.svc.clusterset.local/`;
  const calls = callFor(caller.kind, { url, forMs: CALLS_MS });
  await new Promise((resolve) => setTimeout(resolve, BEFORE_MS));
  onStep(`no endpoint is left in ${caller.plan.name}`);
  await caller.kind.kubectl(['-n', NAMESPACE, 'scale', `deploy/${APP}`, '--replicas=0']);
  const counted = await calls;
  assert.equal(counted.failed, 0, JSON.stringify(counted));
  const names = [caller.plan.name, callee.plan.name].filter((name) => (counted.answers[name] ?? 0) > 0);
  assert.deepEqual(names, [caller.plan.name, callee.plan.name], 'first the one, then the other answered');
  return { counted, recoveryMs: counted.gapMs };
}
