import type { ClusterId } from '../federation/model/ids.ts';
import type { StoreList } from '../federation/store/several.ts';
import type { Snapshot } from '../gateway-config/snapshot.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import type { Derived } from './derive.ts';
import { untilFirstSync } from './first-push.ts';
import { FirstSync } from './first-sync.ts';
import { Known } from './known.ts';
import { Listeners } from './listeners.ts';

/**
 * Lets snapshots through to the gateways once enough is known, of the other clusters and of the own one: a gateway that
 * was told too little would turn running traffic away.
 */
export interface SnapshotGateInit {
  /** Whether what the own cluster has is known. */
  readonly isSourceKnown: () => boolean;
  /** Works out what waits for its turn. */
  readonly settled: () => Derived;
  readonly derived: () => Derived;
  readonly serve: (snapshot: Snapshot) => void;
}

export class SnapshotGate {
  readonly firstSync = new FirstSync();
  /** What the own cluster has. */
  readonly known = new Known();
  /** Told when the first push may be made: enough is known of the other clusters to say what they offer, and what they do not. */
  readonly onFirstSync = new Listeners<Derived>();
  readonly #components: { readonly clock: Clock; readonly log: Logger };
  readonly #init: SnapshotGateInit;
  #waiting: Promise<void> | undefined;

  constructor(components: { readonly clock: Clock; readonly log: Logger }, init: SnapshotGateInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Everything on disk was told. */
  begin(): void {
    this.firstSync.begin();
    this.#init.settled();
    this.push();
    if (this.firstSync.complete) this.onFirstSync.tell(this.#init.derived());
  }

  /** Asks the stores who there is, until that is known. */
  ask(store: StoreList, signal: AbortSignal): void {
    const onProgress = (): void => this.#progressed();
    this.#waiting = untilFirstSync({ ...this.#components, store, firstSync: this.firstSync }, { signal, onProgress });
  }

  /** Resolves when nobody is asked any more: after the first sync, or the signal. */
  async asked(): Promise<void> {
    await this.#waiting;
  }

  push(): void {
    // What is not known of the own services would take them from those who call them.
    if (this.firstSync.complete && this.#init.isSourceKnown()) this.#init.serve(this.#init.derived().snapshot);
  }

  /** The source told something. That the cluster has nothing changes no snapshot, and yet is what gateways and peers wait for. */
  learned(): void {
    if (this.known.held || !this.#init.isSourceKnown()) return;
    this.#init.settled();
    this.known.settle();
    this.push();
  }

  /** The cluster was read, or what it published was refused. */
  heard(cluster: ClusterId): void {
    const waited = !this.firstSync.complete;
    this.firstSync.heard(cluster);
    if (waited) this.#progressed();
  }

  #progressed(): void {
    if (!this.firstSync.complete) return;
    // What was just heard must be in the first snapshot. Not earlier: a hundred clusters would be merged a hundred times.
    const derived = this.#init.settled();
    this.push();
    this.onFirstSync.tell(derived);
  }
}
