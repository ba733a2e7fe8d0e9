import type { Metrics } from '../../runtime/metrics.ts';
import type { Reply } from './respond.ts';

export type DropReason = 'unreadable' | 'send-queue-full' | 'connections' | 'frame-too-long';

/** From a look into a map to a listing of thousands of addresses; scheduling on a busy node is longer than any. */
const SECONDS = [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05];

export class DnsMetrics {
  readonly #queries;
  readonly #seconds;
  readonly #dropped;

  constructor(metrics: Metrics) {
    this.#queries = metrics.counter('isthmus_dns_queries_total', 'Questions answered', ['transport', 'type', 'rcode']);
    this.#seconds = metrics.histogram('isthmus_dns_query_seconds', 'From question to answer', SECONDS, ['transport']);
    this.#dropped = metrics.counter('isthmus_dns_dropped_total', 'Messages and connections without answer', ['reason']);
  }

  answered(transport: 'udp' | 'tcp', { type, rcode }: Reply, durationMs: number): void {
    this.#queries.add({ transport, type, rcode });
    this.#seconds.observe(durationMs / 1_000, { transport });
  }

  dropped(reason: DropReason): void {
    this.#dropped.add({ reason });
  }
}
