/** Promises that the importing gateway keeps: own pods and peers' gateways die, callers do not notice. */
import { ask, askTcp, judge, rounds } from './calls.ts';
import type { Check, Verdict } from './check.ts';
import type { Exporter, ImporterPlan, Lab } from './lab.ts';
import { DB, DEAD_GATEWAY, WEB } from './lab.ts';
import { edit, mentions, withoutItems } from './edits.ts';
import { deadPods, podOf, ResettingPod } from './pods.ts';
import { TYPE_URL } from '../../gateway-config/snapshot.ts';
import { waitFor } from '../envoy/wait.ts';

const REMOTE = ['b', 'c'];
const REMOTE_OK = ['200 b', '200 c'];

/** b and c with living pods, 3 : 1. */
export async function bothPeers(lab: Lab): Promise<{ b: Exporter; c: Exporter; peers: ImporterPlan['peers'] }> {
  const { pods } = lab.world;
  const [b, c] = await Promise.all([
    lab.exporter({ cluster: 'b', pods: [podOf(pods.b)] }),
    lab.exporter({ cluster: 'c', pods: [podOf(pods.c)] }),
  ]);
  const peers = { b: { gateways: [b.port], ready: 3 }, c: { gateways: [c.port], ready: 1 } };
  return { b, c, peers };
}

export const OWN_PODS_DEAD: Check = {
  name: 'own-pods-dead',
  promise: 'with all own pods dead, 60 slow GETs at once and 40 POSTs are served by peers',
  run: async (lab) => {
    const { peers } = await bothPeers(lab);
    const a = await lab.importer({ own: deadPods(3), peers });
    const gets = await rounds(60, 60, () => ask(a.web, '/slow/100'));
    const posts = await rounds(40, 4, () => ask(a.web, '/', 'POST'));
    return judge([...gets, ...posts], REMOTE_OK);
  },
};

export const OWN_ENDPOINTS_GONE: Check = {
  name: 'own-endpoints-gone',
  promise: 'when the own endpoints have gone and the route has not changed yet, GETs and POSTs are served by peers',
  run: async (lab) => {
    const { peers } = await bothPeers(lab);
    const between = edit(TYPE_URL.endpoints, /^local\|/, withoutItems('endpoints', mentions('127.0.0.91')));
    const a = await lab.importer({ own: deadPods(1), peers, between });
    const gets = await rounds(20, 4, () => ask(a.web, '/'));
    const posts = await rounds(20, 4, () => ask(a.web, '/', 'POST'));
    return judge([...gets, ...posts], REMOTE_OK);
  },
};

export const OWN_PODS_DEAD_TCP: Check = {
  name: 'own-pods-dead-tcp',
  promise: 'with all own pods dead, TCP connections are served by peers, the first one too',
  run: async (lab) => {
    const { peers } = await bothPeers(lab);
    const a = await lab.importer({ own: deadPods(4), peers });
    return judge(await rounds(30, 1, () => askTcp(a.db)), REMOTE);
  },
};

export const DEAD_PODS_LEFT_ALONE: Check = {
  name: 'dead-pods-left-alone',
  promise: 'two dead own pods are dialled at most 15 times for 60 requests that follow the first 12',
  run: async (lab) => {
    const { peers } = await bothPeers(lab);
    const a = await lab.importer({ own: deadPods(2), peers });
    await rounds(12, 1, () => ask(a.web, '/'));
    const dialled = (): Promise<number> => statOf(a.gateway, `local|${WEB}`, 'upstream_cx_connect_fail');
    const before = await dialled();
    await rounds(60, 4, () => ask(a.web, '/'));
    return overLimit((await dialled()) - before, 15);
  },
};

export const KILLED_GATEWAY_LEFT_ALONE: Check = {
  name: 'killed-gateway-left-alone',
  promise: 'a killed gateway of a peer is dialled at most 20 times for 80 requests, before health checks notice',
  run: async (lab) => {
    const { b, peers } = await bothPeers(lab);
    const a = await lab.importer({ own: [], peers });
    await rounds(8, 4, () => ask(a.web, '/'));
    await b.gateway.kill();
    // One at a time: requests that wait for the same connection would fail with it together.
    await rounds(80, 1, () => ask(a.web, '/'));
    return overLimit(await statOf(a.gateway, 'peer|b', 'upstream_cx_connect_fail'), 20);
  },
};

export const HALF_OF_OWN_PODS: Check = {
  name: 'half-of-own-pods-tcp',
  promise: 'with one of two own pods dead, the other serves all connections',
  run: async (lab) => {
    const { peers } = await bothPeers(lab);
    const a = await lab.importer({ own: [...deadPods(1), podOf(lab.world.pods.a)], peers });
    await waitFor('the dead pod is ejected', async () => {
      await askTcp(a.db);
      return (await statOf(a.gateway, `tcp|${DB}`, 'outlier_detection.ejections_active')) === 1;
    });
    return judge(await rounds(60, 4, () => askTcp(a.db)), ['a']);
  },
};

export const PEER_GATEWAY_DOWN: Check = {
  name: 'peer-gateway-down',
  promise: "with a peer's only gateway down, GETs and POSTs are served by another peer",
  run: async (lab) => {
    const c = await lab.exporter({ cluster: 'c', pods: [podOf(lab.world.pods.c)] });
    const peers = { b: { gateways: [DEAD_GATEWAY], ready: 3 }, c: { gateways: [c.port], ready: 1 } };
    const a = await lab.importer({ own: [], peers });
    const gets = await rounds(30, 4, () => ask(a.web, '/'));
    const posts = await rounds(30, 4, () => ask(a.web, '/', 'POST'));
    return judge([...gets, ...posts], ['200 c']);
  },
};

export const GATEWAY_REPLACED: Check = {
  name: 'gateway-replaced',
  promise: 'once a peer has named another gateway, the old one is asked no more, although it is healthy',
  run: async (lab) => {
    const { pods } = lab.world;
    // Two gateways of one peer; who answers tells which was asked.
    const [old, next] = await Promise.all([
      lab.exporter({ cluster: 'b', pods: [podOf(pods.b)] }),
      lab.exporter({ cluster: 'b', pods: [podOf(pods.c)] }),
    ]);
    const plan = (port: number): ImporterPlan => ({ own: [], peers: { b: { gateways: [port], ready: 1 } } });
    const a = await lab.importer(plan(old.port));
    await waitFor('the old gateway serves', async () => (await ask(a.web, '/')) === '200 b');
    await a.learn(plan(next.port));
    await waitFor('the new gateway serves', async () => (await ask(a.web, '/')) === '200 c');
    return judge(await rounds(40, 4, () => ask(a.web, '/')), ['200 c']);
  },
};

export const SHARES_TCP: Check = {
  name: 'shares-tcp',
  promise: 'peers share connections 3 : 1 by their ready endpoints, within 12 points',
  run: async (lab) => {
    const { peers } = await bothPeers(lab);
    const a = await lab.importer({ own: [], peers });
    const answers = await rounds(240, 6, () => askTcp(a.db));
    const share = answers.filter((answer) => answer === 'b').length / answers.length;
    const points = Math.round(Math.abs(share - 0.75) * 100);
    return { broken: Math.max(0, points - 12), of: 100, detail: `b got ${Math.round(share * 100)} %` };
  },
};

export const OWN_ERRORS_PASS: Check = {
  name: 'own-errors-pass',
  promise: "30 errors of an own pod are the caller's, each ran once, and the pod stays in use",
  run: async (lab) => {
    const { peers } = await bothPeers(lab);
    const a = await lab.importer({ own: [podOf(lab.world.pods.a)], peers });
    const path = lab.world.path('/status/503');
    await rounds(30, 3, () => ask(a.web, path));
    const ran = (await lab.world.pods.a.counts())[`GET ${path}`] ?? 0;
    return { broken: Math.abs(30 - ran), of: 30, detail: `${ran} ran at the own pod` };
  },
};

export const POD_RESETS_POST: Check = {
  name: 'pod-resets-post',
  promise: 'a POST that an own pod may have run is not run again elsewhere',
  run: async (lab) => {
    const resetting = lab.use(await ResettingPod.start());
    const { peers } = await bothPeers(lab);
    const a = await lab.importer({ own: [resetting.pod], peers });
    // Two only: the third would eject the pod, and a POST that never reached it may go elsewhere.
    const answers = await rounds(2, 1, () => ask(a.web, '/', 'POST'));
    const elsewhere = answers.filter((answer) => REMOTE_OK.includes(answer)).length;
    return { broken: elsewhere, of: 2, detail: `${resetting.requests} at the own pod, ${elsewhere} elsewhere as well` };
  },
};

/** Of one cluster. A statistic that is not there yet was never counted up. */
async function statOf(gateway: Exporter['gateway'], cluster: string, statistic: string): Promise<number> {
  const name = `cluster.${cluster.replaceAll(':', '_')}.${statistic}`;
  return (await gateway.stats(`${statistic}$`))[name] ?? 0;
}

function overLimit(count: number, limit: number): Verdict {
  return { broken: Math.max(0, count - limit), of: count, detail: `${count} times` };
}
