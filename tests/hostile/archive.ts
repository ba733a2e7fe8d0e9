import { isSameVersion, type HeadOrder } from '../../federation/model/head.ts';
import type { StoredCluster, StoredRoster } from '../../federation/store/contract.ts';

/**
 * What a hostile store has ever held: it forgets nothing, and shows again whatever it likes. Bounded, because a run is
 * short and an attack needs few old states to choose from.
 */
const STATES_MAX = 40;

export class Archive {
  readonly #clusters = new Map<string, StoredCluster[]>();
  readonly #rosters: StoredRoster[] = [];

  keep(cluster: string, state: StoredCluster): void {
    const states = this.#clusters.get(cluster) ?? [];
    this.#clusters.set(cluster, states);
    states.push(state);
    if (states.length > STATES_MAX) states.splice(1, 1);
  }

  keepRoster(roster: StoredRoster): void {
    this.#rosters.push(roster);
  }

  /** Oldest first. */
  of(cluster: string): readonly StoredCluster[] {
    return this.#clusters.get(cluster) ?? [];
  }

  /** The state whose version `order` names. */
  at(cluster: string, order: HeadOrder): StoredCluster | undefined {
    return this.of(cluster).findLast((state) => isSameVersion(state.order, order));
  }

  get clusters(): readonly string[] {
    return [...this.#clusters.keys()];
  }

  get rosters(): readonly StoredRoster[] {
    return this.#rosters;
  }
}
