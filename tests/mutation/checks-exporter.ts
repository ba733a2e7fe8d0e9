/** Promises that need both gateways: refusals, forged answers, broken sessions. */
import { ask, judge, rounds } from './calls.ts';
import type { Check, Verdict } from './check.ts';
import { bothPeers } from './checks-importer.ts';
import type { ExporterPlan, Importer, Lab } from './lab.ts';
import { deadPods, podOf, ResettingPod, SickPod } from './pods.ts';
import { waitFor } from '../envoy/wait.ts';

/** b nearly always first, so that each request meets what is wrong there. */
const MOSTLY_B = 100_000;

async function bFirst(lab: Lab, b: Omit<ExporterPlan, 'cluster'>): Promise<Importer> {
  const [first, second] = await Promise.all([
    lab.exporter({ ...b, cluster: 'b' }),
    lab.exporter({ cluster: 'c', pods: [podOf(lab.world.pods.c)] }),
  ]);
  const peers = { b: { gateways: [first.port], ready: MOSTLY_B }, c: { gateways: [second.port], ready: 1 } };
  return lab.importer({ own: [], peers });
}

async function servedByC(a: Importer): Promise<Verdict> {
  const gets = await rounds(30, 4, () => ask(a.web, '/'));
  const posts = await rounds(30, 4, () => ask(a.web, '/', 'POST'));
  return judge([...gets, ...posts], ['200 c']);
}

export const WITHDRAWN: Check = {
  name: 'withdrawn',
  promise: 'a peer that exports the service no longer is passed over, for GETs and POSTs',
  run: async (lab) => servedByC(await bFirst(lab, { pods: [podOf(lab.world.pods.b)], exported: false })),
};

export const REMOTE_PODS_DEAD: Check = {
  name: 'remote-pods-dead',
  promise: 'a peer whose pods are dead is passed over, for GETs and POSTs',
  run: async (lab) => servedByC(await bFirst(lab, { pods: deadPods(2) })),
};

export const SICK_POD: Check = {
  name: 'sick-pod',
  promise: 'a pod that fails its health check is not asked, also when it is the only one',
  run: async (lab) => {
    const sick = lab.use(await SickPod.start());
    const healthCheck = { type: 'http', path: '/health', intervalMs: 500, timeoutMs: 300 } as const;
    return servedByC(await bFirst(lab, { pods: [sick.pod], healthCheck }));
  },
};

export const FORGED_BY_REMOTE_POD: Check = {
  name: 'forged-by-remote-pod',
  promise: "a remote pod's answer that carries our marker is passed on, and the request ran once",
  run: async (lab) => forged(lab, await lab.importer({ own: [], peers: (await bothPeers(lab)).peers })),
};

export const FORGED_BY_OWN_POD: Check = {
  name: 'forged-by-own-pod',
  promise: "an own pod's answer that carries our marker is passed on, and the request ran once",
  run: async (lab) => {
    const { peers } = await bothPeers(lab);
    return forged(lab, await lab.importer({ own: [podOf(lab.world.pods.a)], peers }));
  },
};

async function forged(lab: Lab, a: Importer): Promise<Verdict> {
  const path = lab.world.path('/forged');
  await rounds(10, 2, () => ask(a.web, path, 'POST'));
  const counts = await Promise.all(Object.values(lab.world.pods).map((pod) => pod.counts()));
  const ran = counts.reduce((sum, each) => sum + (each[`POST ${path}`] ?? 0), 0);
  return { broken: Math.abs(ran - 10), of: 10, detail: `10 POSTs ran ${ran} times` };
}

export const REMOTE_POD_RESETS: Check = {
  name: 'remote-pod-resets',
  promise: 'what a remote pod may have run is asked again elsewhere when it is a GET, and never when it is a POST',
  run: async (lab) => {
    const resetting = lab.use(await ResettingPod.start());
    const a = await bFirst(lab, { pods: [resetting.pod] });
    // Few: the fifth failure would eject the pod, and a POST that never reached it may go elsewhere.
    const posts = await rounds(3, 1, () => ask(a.web, '/', 'POST'));
    const twice = posts.filter((answer) => answer === '200 c').length;
    const gets = judge(await rounds(8, 1, () => ask(a.web, '/')), ['200 c']);
    const detail = [twice > 0 ? `${twice} POSTs ran twice` : '', gets.detail].filter((text) => text !== '').join(', ');
    return { broken: twice + gets.broken, of: 11, detail };
  },
};

export const KILLED_IN_FLIGHT: Check = {
  name: 'killed-in-flight',
  promise: 'GETs that wait at a gateway when it is killed are served by another peer',
  run: async (lab) => {
    const { b, peers } = await bothPeers(lab);
    const a = await lab.importer({ own: [], peers: { ...peers, b: { gateways: [b.port], ready: MOSTLY_B } } });
    const waiting = await inFlight(lab, a, 800);
    await b.gateway.kill();
    return judge(await Promise.all(waiting), ['200 c']);
  },
};

/** Keep-alive notices after 1.9 s at most; three failed health checks, which would do it too, take 4 s at least. */
const BLACK_HOLE_LIMIT_MS = 3_400;

export const BLACK_HOLE: Check = {
  name: 'black-hole',
  promise: `GETs to a gateway that falls silent are answered elsewhere within ${BLACK_HOLE_LIMIT_MS} ms`,
  run: async (lab) => {
    const { b, peers } = await bothPeers(lab);
    const a = await lab.importer({ own: [], peers: { ...peers, b: { gateways: [b.port], ready: MOSTLY_B } } });
    const waiting = await inFlight(lab, a, 800);
    const { pid } = b.gateway;
    if (pid === undefined) throw new Error('the gateway of b does not run');
    process.kill(pid, 'SIGSTOP');
    const late = new Promise<string>((resolve) => setTimeout(resolve, BLACK_HOLE_LIMIT_MS, 'no answer'));
    return judge(await Promise.all(waiting.map((answer) => Promise.race([answer, late]))), ['200 c']);
  },
};

/** 20 GETs that have reached b's pod and wait there. */
async function inFlight(lab: Lab, a: Importer, forMs: number): Promise<readonly Promise<string>[]> {
  const path = lab.world.path(`/slow/${forMs}`);
  const waiting = Array.from({ length: 20 }, () => ask(a.web, path));
  await waitFor('20 requests wait at b', async () => (await lab.world.pods.b.counts())[`GET ${path}`] === 20);
  return waiting;
}
