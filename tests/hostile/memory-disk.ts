import type { ClusterId } from '../../federation/model/ids.ts';
import type { Marks } from '../../federation/sync/marks.ts';
import type { KeptCluster } from '../../federation/sync/peer-replica.ts';
import type { Keeper } from '../../federation/sync/subscriber.ts';
import type { Disk, OpenedDisk } from './field.ts';

/** A disk that never fails and writes at once. */
export class MemoryDisk implements Disk, Keeper {
  readonly #marks: Marks;
  readonly #clusters = new Map<ClusterId, KeptCluster>();
  #roster: Uint8Array | undefined;

  constructor(marks: Marks) {
    this.#marks = marks;
  }

  async open(): Promise<OpenedDisk> {
    const kept = { roster: this.#roster, clusters: [...this.#clusters.values()] };
    return { marks: this.#marks, keeper: this, kept, close: () => Promise.resolve() };
  }

  async loseStates(): Promise<void> {
    this.#clusters.clear();
    this.#roster = undefined;
  }

  keep(kept: KeptCluster): void {
    this.#clusters.set(kept.cluster, kept);
  }

  keepRoster(bytes: Uint8Array): void {
    this.#roster = bytes;
  }

  forget(cluster: ClusterId): void {
    this.#clusters.delete(cluster);
  }
}
