import type { Clock } from '../../../runtime/clock.ts';
import type { ClusterId } from '../../model/ids.ts';
import { STORE_LIMITS } from '../contract.ts';
import { atMost } from '../limits.ts';
import type { Calls } from './calls.ts';
import type { AnswerLimits } from './connection.ts';
import { COMMAND_TIMEOUT_MS } from './connection.ts';
import type { RedisKeys } from './keys.ts';
import type { Reply } from './reply.ts';
import { accepted, bytesOf, listOf } from './reply.ts';

/**
 * The set of cluster names by which readers find heads: nobody may SCAN. A cluster enters it before its first head, and
 * looks after its entry from then on, because a server that evicts or an operator may have deleted the set alone.
 */
export class ClusterIndex {
  readonly #calls: Calls;
  readonly #key: string;
  readonly #clock: Clock;
  readonly #seenAtMs = new Map<ClusterId, number>();
  readonly #keeping = new Set<ClusterId>();

  constructor(components: { calls: Calls; keys: RedisKeys; clock: Clock }) {
    this.#calls = components.calls;
    this.#key = components.keys.clusters;
    this.#clock = components.clock;
  }

  /** @throws StoreLimitError when there are as many clusters as may be */
  async enter(cluster: ClusterId): Promise<void> {
    await this.#calls.read(this.#key, 'reads', async (connection) => {
      const [members] = accepted(await connection.call([['SMEMBERS', this.#key]], INDEX_ANSWER));
      const names = namesIn(members);
      if (names.includes(cluster)) return;
      atMost('number of clusters', names.length + 1, STORE_LIMITS.clustersMax);
      accepted(await connection.call([['SADD', this.#key, cluster]]));
    });
    if (this.#seenAtMs.size >= STORE_LIMITS.clustersMax) this.#seenAtMs.clear();
    this.#seenAtMs.set(cluster, this.#clock.monotonicMs());
  }

  /**
   * Now and then, after a write. Nobody waits for it: in a Redis Cluster the index may be at a node that hangs, and the
   * write is in all the same.
   */
  keepEntry(cluster: ClusterId): void {
    const seenAtMs = this.#seenAtMs.get(cluster) ?? Number.NEGATIVE_INFINITY;
    if (this.#keeping.has(cluster) || this.#clock.monotonicMs() < seenAtMs + LOOK_AFTER_MS) return;
    this.#keeping.add(cluster);
    void this.enter(cluster)
      .catch(() => undefined) // looked after again with the next beat
      .finally(() => this.#keeping.delete(cluster));
  }

  async names(): Promise<readonly string[]> {
    return this.#calls.read(this.#key, 'reads', async (connection) => {
      const [members] = accepted(await connection.call([['SMEMBERS', this.#key]], INDEX_ANSWER));
      return namesIn(members);
    });
  }
}

/** An entry that was lost is back within this and one beat. */
const LOOK_AFTER_MS = 20_000;
/** Ids of at most 63 octets; what members have put in beside them is bounded too. */
const INDEX_ANSWER: AnswerLimits = { bytesMax: STORE_LIMITS.clustersMax * 80, timeoutMs: COMMAND_TIMEOUT_MS };

function namesIn(members: Reply | undefined): readonly string[] {
  return listOf(members).map((member) => bytesOf(member)?.toString() ?? '');
}
