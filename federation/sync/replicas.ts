import type { ClusterId } from '../model/ids.ts';
import type { RecordLimits } from '../model/records.ts';
import type { ClusterView } from '../model/state.ts';
import { PeerReplica, type ReplicaComponents } from './peer-replica.ts';

/** One replica for each other active member. A hostile store may list a million names; the signed roster bounds ours. */
export interface ReplicasInit {
  readonly self: ClusterId;
  readonly limits: RecordLimits;
  readonly ownRanges: readonly string[];
}

export interface Withdrawal {
  readonly cluster: ClusterId;
  /** Its status in the roster, or `removed` when it is not in it any more. */
  readonly reason: string;
}

export class Replicas {
  readonly #components: ReplicaComponents;
  readonly #init: ReplicasInit;
  readonly #replicas = new Map<ClusterId, PeerReplica>();

  constructor(components: ReplicaComponents, init: ReplicasInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Newest verified view of each cluster. */
  get views(): ReadonlyMap<ClusterId, ClusterView> {
    const views = new Map<ClusterId, ClusterView>();
    for (const [cluster, { view }] of this.#replicas) if (view !== undefined) views.set(cluster, view);
    return views;
  }

  entries(): Iterable<readonly [ClusterId, PeerReplica]> {
    return this.#replicas;
  }

  /** Nothing for the own cluster and for names that are no active member. */
  of(cluster: ClusterId): PeerReplica | undefined {
    const known = this.#replicas.get(cluster);
    if (known !== undefined || cluster === this.#init.self || this.#statusOf(cluster) !== 'active') return known;
    const { limits, ownRanges } = this.#init;
    const replica = new PeerReplica(this.#components, { cluster, limits, ownRanges });
    this.#replicas.set(cluster, replica);
    return replica;
  }

  /** Drops those that the roster in force no longer lists as active. */
  prune(): readonly Withdrawal[] {
    const gone = [...this.#replicas.keys()].filter((cluster) => this.#statusOf(cluster) !== 'active');
    for (const cluster of gone) this.#replicas.delete(cluster);
    return gone.map((cluster) => ({ cluster, reason: this.#statusOf(cluster) ?? 'removed' }));
  }

  #statusOf(cluster: ClusterId): string | undefined {
    return this.#components.roster()?.members.find((member) => member.cluster === cluster)?.status;
  }
}
