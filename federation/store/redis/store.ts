import type { HeadOrder } from '../../model/head.ts';
import type { ClusterId } from '../../model/ids.ts';
import type { StoreComponents } from '../components.ts';
import type {
  Changes,
  Commit,
  Hint,
  HostableStore,
  LeaseBoard,
  StoredCluster,
  StoredHead,
  StoredRoster,
} from '../contract.ts';
import { StoreUnavailableError } from '../contract.ts';
import type { InspectableStore, StoreBoards } from '../inspect.ts';
import { HintFanout } from '../hint-queue.ts';
import { checkCommitLimits, checkHeadLimits, checkOrder, checkRosterLimits } from '../limits.ts';
import type { RedisAddress } from './address.ts';
import { lookAtBoards } from './boards-look.ts';
import { Calls } from './calls.ts';
import { ClusterIndex } from './cluster-index.ts';
import { ClusterReads } from './cluster-reads.ts';
import { ClusterWrites } from './cluster-writes.ts';
import { HeadsReads } from './heads-reads.ts';
import { RedisJoinBoard } from './join-board.ts';
import { redisKeys } from './keys.ts';
import { redisLeaseBoard } from './lease-board.ts';
import { Notices } from './notices.ts';
import { RosterBoard } from './roster-board.ts';
import { openRouting, type Routing } from './routing.ts';

export interface RedisStoreInit {
  readonly address: RedisAddress;
  /** DNS name. One server may hold many. */
  readonly clusterset: string;
}

/**
 * The store contract on Redis or Valkey: one server, a primary with Sentinels, or a Redis Cluster. What breaks a limit is
 * refused here, before it crosses the network. Nothing is contacted before its first use.
 */
export class RedisStore implements HostableStore, InspectableStore {
  readonly join: RedisJoinBoard;
  readonly lease: LeaseBoard;
  readonly #boards: (names: readonly string[]) => Promise<StoreBoards>;
  readonly #routing: Routing;
  readonly #writes: ClusterWrites;
  readonly #reads: ClusterReads;
  readonly #heads: HeadsReads;
  readonly #roster: RosterBoard;
  readonly #notices: Notices;
  readonly #fanout = new HintFanout();
  #closed = false;

  constructor(components: StoreComponents, init: RedisStoreInit) {
    const keys = redisKeys(init.clusterset);
    const routing = openRouting(components, init.address);
    const calls = new Calls(components, { routing });
    this.#routing = routing;
    const index = new ClusterIndex({ calls, keys, clock: components.clock });
    this.#writes = new ClusterWrites({ calls, keys, index });
    this.#reads = new ClusterReads({ calls, keys, clock: components.clock });
    this.#heads = new HeadsReads({ ...components, calls, routing, index }, { keys });
    this.#roster = new RosterBoard({ calls, keys });
    this.join = new RedisJoinBoard({ calls, keys });
    this.lease = redisLeaseBoard({ calls, keys });
    this.#boards = (names) => lookAtBoards({ calls, keys, join: this.join }, names);
    this.#notices = new Notices(
      { ...components, routing },
      { channel: keys.notice, push: (hint) => this.#fanout.push(hint) },
    );
  }

  static async open(components: StoreComponents, init: RedisStoreInit): Promise<RedisStore> {
    return new RedisStore(components, init);
  }

  async commit(commit: Commit): Promise<void> {
    this.#checkOpen();
    checkCommitLimits(commit);
    const { cluster, order, head } = commit;
    await this.#telling({ kind: 'cluster', cluster, head: { order, head } }, () => this.#writes.commit(commit));
  }

  async beat(cluster: ClusterId, beat: StoredHead): Promise<void> {
    this.#checkOpen();
    checkHeadLimits(beat);
    await this.#telling({ kind: 'cluster', cluster, head: beat }, () => this.#writes.beat(cluster, beat));
  }

  async read(cluster: ClusterId): Promise<StoredCluster | undefined> {
    this.#checkOpen();
    return this.#reads.read(cluster);
  }

  async changes(cluster: ClusterId, after: HeadOrder): Promise<Changes> {
    this.#checkOpen();
    checkOrder(after);
    return this.#reads.changes(cluster, after);
  }

  async heads(): Promise<ReadonlyMap<ClusterId, StoredHead>> {
    this.#checkOpen();
    return this.#heads.heads();
  }

  async roster(): Promise<StoredRoster | undefined> {
    this.#checkOpen();
    return this.#roster.roster();
  }

  async putRoster(roster: StoredRoster): Promise<void> {
    this.#checkOpen();
    checkRosterLimits(roster);
    await this.#telling({ kind: 'roster' }, () => this.#roster.putRoster(roster));
  }

  async credentialOf(tokenId: string): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    return this.join.credentialOf(tokenId);
  }

  async boards(): Promise<StoreBoards> {
    return this.#boards([...(await this.heads()).keys()]);
  }

  watch(signal: AbortSignal): AsyncIterable<Hint> {
    this.#checkOpen();
    const hints = this.#fanout.open(signal, () => {
      if (this.#fanout.size === 0) this.#notices.stop();
    });
    if (this.#fanout.size > 0) this.#notices.start();
    return hints;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#fanout.end();
    this.#notices.stop();
    this.#routing.close();
  }

  /** Own writes reach the readers of this process also while its subscription is only being made. */
  async #telling(hint: Hint, write: () => Promise<void>): Promise<void> {
    const isSubscribed = this.#notices.isSubscribed;
    await write();
    if (!isSubscribed) this.#fanout.push(hint);
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreUnavailableError('the store is closed');
  }
}
