import type { ClusterId } from '../../federation/model/ids.ts';
import type { StoredCluster, StoredRoster } from '../../federation/store/contract.ts';
import type { Stores } from '../../federation/store/several.ts';
import type { Keeper } from '../../federation/sync/subscriber.ts';
import type { KeptCluster } from '../../federation/sync/peer-replica.ts';
import type { Marks } from '../../federation/sync/marks.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Archive } from './archive.ts';

/**
 * Where a run takes place: a store that is hostile at the contract (in memory, on a clock that the run moves), or a real
 * server behind a proxy that is hostile to the octet (in real time). Everything else about a run is the same.
 */
export interface Field extends AsyncDisposable {
  readonly clock: Clock;
  readonly archive: Archive;
  /** By how much longer than promised things may take: above 1 where a busy machine's time is hurried. */
  readonly patience: number;
  /** An honest store stands beside the hostile one, which then never turns honest: it must not even delay. */
  readonly hasHonestStore: boolean;
  /** The way of one honest client to the store, with an enemy on it. */
  link(name: string): Promise<Link>;
  disk(name: string): Promise<Disk>;
  /** The authority's own way, which nobody attacks: what it writes is what there is to lie about. */
  putRoster(roster: StoredRoster): Promise<void>;
  /** Octets of a hostile member's making, past every client and every rule. */
  plant(place: ClusterId, state: StoredCluster): Promise<void>;
  plantRoster(roster: StoredRoster): Promise<void>;
  /** What the store really holds. */
  truth(cluster: ClusterId): Promise<StoredCluster | undefined>;
  /** Takes out what was planted in others' places, as an operator would who finds it. */
  cleanUp(): Promise<void>;
  passTime(durationMs: number): Promise<void>;
}

export interface Link {
  readonly store: Stores;
  /** A new mood of the enemy. */
  turnHostile(): void;
  turnHonest(): void;
}

/** What a reader keeps over its restarts. */
export interface Disk {
  open(): Promise<OpenedDisk>;
  /** The states are gone, the marks stay: a crash before the last news was written, in the extreme. */
  loseStates(): Promise<void>;
}

export interface OpenedDisk {
  readonly marks: Marks;
  readonly keeper: Keeper;
  readonly kept: { readonly roster: Uint8Array | undefined; readonly clusters: readonly KeptCluster[] };
  /** `crash`: what was not on the disk yet never gets there. */
  close(how: 'orderly' | 'crash'): Promise<void>;
}
