import { isSameVersion } from '../../federation/model/head.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { Commit, StoredCluster, StoredRoster } from '../../federation/store/contract.ts';
import { type MemoryShelf, MemoryStore } from '../../federation/store/memory.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Archive } from './archive.ts';

/** Remembers every state that honest writers gave it. */
export class ArchivedStore extends MemoryStore {
  readonly #archive: Archive;

  constructor(components: { clock: Clock }, shelf: MemoryShelf, archive: Archive) {
    super(components, { shelf });
    this.#archive = archive;
  }

  override async commit(commit: Commit): Promise<void> {
    await super.commit(commit);
    await this.#keep(commit.cluster);
  }

  override async beat(...[cluster, beat]: Parameters<MemoryStore['beat']>): Promise<void> {
    await super.beat(cluster, beat);
    await this.#keep(cluster);
  }

  async #keep(cluster: ClusterId): Promise<void> {
    const state = await super.read(cluster);
    if (state !== undefined) this.#archive.keep(cluster, state);
  }
}

/** Past the rules of the store, as whoever has its memory could do it. */
export function putOn(shelf: MemoryShelf, place: ClusterId, { order, head, records }: StoredCluster): void {
  const before = shelf.clusters.get(place);
  const touched = [...new Set([...(before?.records.keys() ?? []), ...records.keys()])];
  // A log that pretends to lead here from what readers have, so that they are told deltas too.
  const log = [...(before?.log ?? []).filter((entry) => !isSameVersion(entry.order, order)), { order, touched }];
  shelf.clusters.set(place, { order, head, records, log });
  shelf.announce({ kind: 'cluster', cluster: place, head: { order, head } });
}

export function showRoster(shelf: MemoryShelf, roster: StoredRoster): void {
  shelf.roster = roster;
  shelf.announce({ kind: 'roster' });
}
