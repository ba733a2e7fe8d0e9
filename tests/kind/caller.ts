/** Calls from a pod, by the name that applications use, counted in the pod itself. */
import { CALLER, NAMESPACE } from './app.ts';
import type { KindCluster } from './kind-cluster.ts';

export interface Counted {
  readonly requests: number;
  readonly failed: number;
  /** By what was answered, or by what went wrong. */
  readonly answers: Readonly<Record<string, number>>;
  /** The longest time in which no call ended well. */
  readonly gapMs: number;
}

export interface CallsInit {
  readonly url: string;
  readonly forMs: number;
  readonly everyMs?: number;
}

const ANSWER_MS = 5_000;

/** Runs in the pod: no closure, no import, its numbers come as text. */
const SCRIPT = `
const { url, forMs, everyMs, answerMs } = JSON.parse(process.argv[2] ?? process.argv[1]);
const answers = {}; let requests = 0, failed = 0, last = performance.now(), gapMs = 0;
const call = async () => {
  requests += 1;
  let said;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(answerMs) });
    const text = (await response.text()).trim();
    said = response.ok ? text : 'status ' + response.status;
    if (!response.ok) failed += 1;
    else { const now = performance.now(); gapMs = Math.max(gapMs, now - last); last = now; }
  } catch (error) { failed += 1; said = error.cause?.code ?? error.name; }
  answers[said] = (answers[said] ?? 0) + 1;
};
(async () => {
  const end = Date.now() + forMs, open = new Set();
  while (Date.now() < end) {
    const one = call().finally(() => open.delete(one));
    open.add(one);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  await Promise.all(open);
  console.log(JSON.stringify({ requests, failed, answers, gapMs: Math.round(gapMs) }));
})();
`;

export async function callFor(cluster: KindCluster, { url, forMs, everyMs = 20 }: CallsInit): Promise<Counted> {
  const given = JSON.stringify({ url, forMs, everyMs, answerMs: ANSWER_MS });
  const printed = await inCaller(cluster, ['-e', SCRIPT, given], forMs + 60_000);
  return JSON.parse(printed) as Counted; // printed by the script above
}

/** What one TCP connection hears first. */
export function firstLine(cluster: KindCluster, host: string, port: number): Promise<string> {
  const script = `const socket = require('net').connect(${port}, '${host}'); socket.setTimeout(${ANSWER_MS}, () => socket.destroy(new Error('no answer')));
    socket.on('data', (data) => { console.log(String(data).trim()); socket.destroy(); });`;
  return inCaller(cluster, ['-e', script], 30_000);
}

function inCaller(cluster: KindCluster, args: readonly string[], timeoutMs: number): Promise<string> {
  return cluster.kubectl(['-n', NAMESPACE, 'exec', CALLER, '--', 'node', ...args], { timeoutMs });
}
