import type { Clock } from '../../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../../runtime/errors.ts';
import type { Logger } from '../../../runtime/log.ts';
import type { GaugeHandle } from '../../../runtime/metrics.ts';
import type { ClusterId } from '../../model/ids.ts';
import { compareText, isDnsLabel } from '../../model/ids.ts';
import type { StoreComponents } from '../components.ts';
import type { StoredHead } from '../contract.ts';
import { STORE_LIMITS, StoreUnavailableError } from '../contract.ts';
import type { Calls } from './calls.ts';
import { headIn } from './cluster-reads.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { readHead } from './cluster-writes.ts';
import { COMMAND_TIMEOUT_MS } from './connection.ts';
import { HEAD_FRAME_BYTES_MAX } from './head-frame.ts';
import type { RedisKeys } from './keys.ts';
import type { RedisNode } from './node.ts';
import type { Reply } from './reply.ts';
import { accepted, bytesOf, RedisReplyError } from './reply.ts';
import { storeErrorOf } from './reply-errors.ts';
import type { Routing } from './routing.ts';

/**
 * The heads of all clusters, asked of all nodes at once. What one node or one cluster keeps from us does not hide the
 * others: a head that is missing in the answer is unknown, not gone.
 */
type Found = Map<ClusterId, StoredHead>;

/** Heads in one batch: what the answer may take grows with them. */
const HEADS_PER_CALL = 100;
/** One of several nodes that hangs must not use up the 2 s that whoever asks for heads waits: the others have answered by then. */
const NODE_WAIT_MS = 1_500;
const HEAD_ANSWER = { bytesMax: HEAD_FRAME_BYTES_MAX + 32, timeoutMs: COMMAND_TIMEOUT_MS };

export class HeadsReads {
  readonly #clock: Clock;
  readonly #calls: Calls;
  readonly #routing: Routing;
  readonly #index: ClusterIndex;
  readonly #keys: RedisKeys;
  readonly #log: Logger;
  readonly #failing: GaugeHandle;
  /** Seen in the index before: asked for together with the index, in one round trip, and without it when it is away. */
  #known: readonly ClusterId[] = [];
  /** Keys and nodes that were complained of, so that each is named once while it lasts. */
  readonly #complained = new Map<string, string>();

  constructor(
    components: StoreComponents & { calls: Calls; routing: Routing; index: ClusterIndex },
    init: { keys: RedisKeys },
  ) {
    this.#clock = components.clock;
    this.#calls = components.calls;
    this.#routing = components.routing;
    this.#index = components.index;
    this.#keys = init.keys;
    this.#log = components.log;
    this.#failing = components.metrics.gauge(
      'isthmus_store_heads_unread',
      'Clusters whose head the store has and could not be read the last time',
    );
  }

  async heads(): Promise<ReadonlyMap<ClusterId, StoredHead>> {
    const found: Found = new Map();
    const failures: unknown[] = [];
    const before = this.#known;
    const names = this.#inTime(this.#listed());
    const [listed] = await Promise.allSettled([names, this.#headsOf(before, found, failures)]);
    if (listed.status === 'fulfilled') {
      const asked = new Set(before);
      await this.#headsOf(
        listed.value.filter((cluster) => !asked.has(cluster)),
        found,
        failures,
      );
      // A cluster that has a head is there, whatever has become of the index.
      this.#known = [...new Set([...listed.value, ...found.keys()])].slice(0, STORE_LIMITS.clustersMax);
    } else {
      failures.push(listed.reason);
    }
    const [failure] = failures;
    if (failure !== undefined && found.size === 0) throw failure;
    this.#failing.set(failures.length);
    return new Map([...found].sort(([left], [right]) => compareText(left, right)));
  }

  async #listed(): Promise<readonly ClusterId[]> {
    // Every member may add to the index: who was there before is not crowded out.
    const known = new Set<string>(this.#known);
    const names = (await this.#index.names()).filter(isDnsLabel);
    const sorted = names.sort(
      (left, right) => Number(known.has(right)) - Number(known.has(left)) || compareText(left, right),
    );
    return sorted.slice(0, STORE_LIMITS.clustersMax) as ClusterId[]; // DNS labels, all of them
  }

  async #headsOf(clusters: readonly ClusterId[], found: Found, failures: unknown[]): Promise<void> {
    const byNode = new Map<RedisNode, ClusterId[]>();
    for (const cluster of clusters) {
      try {
        const node = await this.#routing.nodeOf(this.#keys.head(cluster));
        byNode.set(node, [...(byNode.get(node) ?? []), cluster]);
      } catch (error) {
        failures.push(error);
      }
    }
    const asked = [...byNode].flatMap(([node, all]) =>
      batches(all).map((some) => this.#inTime(this.#askNode(node, some, { found, failures }))),
    );
    for (const outcome of await Promise.allSettled(asked)) {
      if (outcome.status === 'rejected') failures.push(outcome.reason);
    }
  }

  /** Where there is one node only, whoever asks has nothing to gain from an earlier end. */
  async #inTime<Result>(work: Promise<Result>): Promise<Result> {
    const over = new AbortController();
    const late = this.#clock.sleep(NODE_WAIT_MS, over.signal).then(async () => {
      if ((await this.#routing.primaries()).length === 1) return work;
      throw new StoreUnavailableError(`a node of the store does not answer in ${NODE_WAIT_MS} ms`);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      over.abort();
    }
  }

  async #askNode(
    node: RedisNode,
    clusters: readonly ClusterId[],
    { found, failures }: { readonly found: Found; readonly failures: unknown[] },
  ): Promise<void> {
    try {
      const limits = { bytesMax: clusters.length * (HEAD_FRAME_BYTES_MAX + 32), timeoutMs: COMMAND_TIMEOUT_MS };
      const commands = clusters.map((cluster) => readHead(this.#keys.head(cluster)));
      const replies = await this.#calls.readAt(node, 'reads', (connection) => connection.call(commands, limits));
      this.#complained.delete(node.name);
      await Promise.all(clusters.map((cluster, at) => this.#take(cluster, replies[at], { found, failures })));
    } catch (error) {
      failures.push(storeErrorOf(error, node.name));
      this.#complain(node.name, 'a node of the store does not tell its heads', error);
    }
  }

  async #take(
    cluster: ClusterId,
    reply: Reply | undefined,
    { found, failures }: { readonly found: Found; readonly failures: unknown[] },
  ): Promise<void> {
    const key = this.#keys.head(cluster);
    try {
      const frame = isElsewhere(reply) ? await this.#askAgain(key) : accepted([reply ?? Buffer.alloc(0)])[0];
      const head = headIn(bytesOf(frame), key);
      if (head !== undefined) found.set(cluster, head);
      this.#complained.delete(key);
    } catch (error) {
      failures.push(storeErrorOf(error, key, key));
      this.#complain(key, 'a head in the store cannot be read', storeErrorOf(error, key, key));
    }
  }

  /** The slot has moved: the way there is found as for any other call. */
  #askAgain(key: string): Promise<Reply | undefined> {
    return this.#calls.read(
      key,
      'reads',
      async (connection) => accepted(await connection.call([readHead(key)], HEAD_ANSWER))[0],
    );
  }

  #complain(subject: string, message: string, error: unknown): void {
    const text = errorText(error);
    if (this.#complained.get(subject) === text) return;
    if (this.#complained.size >= STORE_LIMITS.clustersMax) this.#complained.clear();
    this.#complained.set(subject, text);
    const hint = error instanceof IsthmusError ? error.hint : undefined;
    this.#log.warn(message, { subject, error: text, ...(hint === undefined ? {} : { hint }) });
  }
}

function isElsewhere(reply: Reply | undefined): boolean {
  return reply instanceof RedisReplyError && ['MOVED', 'ASK', 'TRYAGAIN'].includes(reply.code);
}

function batches(clusters: readonly ClusterId[]): readonly (readonly ClusterId[])[] {
  const count = Math.ceil(clusters.length / HEADS_PER_CALL);
  return Array.from({ length: count }, (_, at) => clusters.slice(at * HEADS_PER_CALL, (at + 1) * HEADS_PER_CALL));
}
