import { z } from 'zod';
import type { Federation } from './federation.ts';
import { HTTP, TCP } from './phases/phase.ts';
import type { CheckedPromise } from './phases/phase.ts';

/** The load generator's counts against Envoy's own: two that never met must tell the same story. */
const statsSchema = z.object({
  stats: z.array(z.object({ name: z.string().optional(), value: z.number().optional() })),
});

/** Envoy counts a request when it has put it away, a moment after the caller has its answer. */
const SETTLE_MS = 2_000;
const ASK_AGAIN_MS = 50;

export async function countsAgree(federation: Federation): Promise<readonly CheckedPromise[]> {
  const { clock } = federation;
  const deadlineMs = clock.monotonicMs() + SETTLE_MS;
  for (;;) {
    const counts = await countOnce(federation);
    if (counts.every(({ held }) => held) || clock.monotonicMs() > deadlineMs) return counts;
    await clock.sleep(ASK_AGAIN_MS);
  }
}

async function countOnce(federation: Federation): Promise<readonly CheckedPromise[]> {
  const { load, east } = federation;
  const [http, tcp] = await Promise.all([east.callAt('shop'), east.callAt('db')]);
  const stats = statsSchema.parse(
    JSON.parse((await east.envoy.get('/stats?format=json&filter=^listener\\.')).toString('utf8')),
  );
  const value = (port: number, counter: string): number => {
    const wanted = new RegExp(`^listener\\..*[_:]${port}\\.${counter}$`);
    return stats.stats.filter(({ name }) => wanted.test(name ?? '')).reduce((sum, { value: one = 0 }) => sum + one, 0);
  };
  const sent = (stream: string): number => load.samples(undefined, stream).length;
  const good = (stream: string): number => load.samples(undefined, stream).filter(({ ok }) => ok).length;
  const httpSeen = value(http.port, 'http\\.egress\\.downstream_rq_completed');
  const httpGood = value(http.port, 'http\\.egress\\.downstream_rq_2xx');
  // The readiness probe of the load's first connection and held connections are counted by the generator too.
  const tcpSeen = value(tcp.port, 'downstream_cx_total');
  return [
    agree('HTTP requests', sent(HTTP), httpSeen),
    agree('HTTP 2xx answers', good(HTTP), httpGood),
    agree('TCP connections', sent(TCP), tcpSeen - federation.extraTcpConnections.count),
  ];
}

function agree(what: string, generator: number, envoy: number): CheckedPromise {
  return {
    promise: `${what}: load generator and Envoy agree`,
    held: generator === envoy && generator > 0,
    found: `${generator} and ${envoy}`,
  };
}
