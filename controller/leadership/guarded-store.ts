import {
  type Changes,
  type Commit,
  type Hint,
  type JoinBoard,
  type LeaseBoard,
  type Store,
  type StoredCluster,
  type StoredHead,
  type StoredRoster,
  StoreUnavailableError,
} from '../../federation/store/contract.ts';
import type { StoreList } from '../../federation/store/several.ts';
import type { HeadOrder } from '../../federation/model/head.ts';
import type { ClusterId } from '../../federation/model/ids.ts';

/**
 * A store for whoever writes in the name of the cluster: each write asks at its very beginning whether this replica may.
 * A timer would not do: a process that was stopped wakes up in the middle of its work, long before its timers.
 * What begins in time and ends late is fenced by the epoch. Reading is free.
 */
export class WriteSuspendedError extends StoreUnavailableError {
  constructor() {
    super('this replica does not hold the lease of its cluster and writes nothing', {
      hint: '`isthmus status` shows which replica leads',
    });
  }
}

export class GuardedStore implements Store {
  readonly join: JoinBoard;
  readonly lease: LeaseBoard;
  readonly #store: Store;
  readonly #mayWrite: () => boolean;

  constructor(components: { readonly store: Store }, init: { readonly mayWrite: () => boolean }) {
    const { store } = components;
    this.#store = store;
    this.#mayWrite = init.mayWrite;
    this.lease = store.lease;
    this.join = {
      offer: (offer) => this.#write(() => store.join.offer(offer)),
      request: (request) => this.#write(() => store.join.request(request)),
      pending: () => store.join.pending(),
      answer: (answer) => this.#write(() => store.join.answer(answer)),
      answerFor: (tokenId) => store.join.answerFor(tokenId),
    };
  }

  commit(commit: Commit): Promise<void> {
    return this.#write(() => this.#store.commit(commit));
  }

  beat(cluster: ClusterId, beat: StoredHead): Promise<void> {
    return this.#write(() => this.#store.beat(cluster, beat));
  }

  putRoster(roster: StoredRoster): Promise<void> {
    return this.#write(() => this.#store.putRoster(roster));
  }

  read(cluster: ClusterId): Promise<StoredCluster | undefined> {
    return this.#store.read(cluster);
  }

  changes(cluster: ClusterId, after: HeadOrder): Promise<Changes> {
    return this.#store.changes(cluster, after);
  }

  heads(): Promise<ReadonlyMap<ClusterId, StoredHead>> {
    return this.#store.heads();
  }

  roster(): Promise<StoredRoster | undefined> {
    return this.#store.roster();
  }

  watch(signal: AbortSignal): AsyncIterable<Hint> {
    return this.#store.watch(signal);
  }

  /** The store is not this one's to close. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #write(work: () => Promise<void>): Promise<void> {
    if (!this.#mayWrite()) throw new WriteSuspendedError();
    await work();
  }
}

/** Every store of the list, guarded alike. */
export function guardStores(
  [first, ...others]: StoreList,
  init: ConstructorParameters<typeof GuardedStore>[1],
): StoreList {
  const guarded = ({ name, store }: StoreList[0]): StoreList[0] => ({ name, store: new GuardedStore({ store }, init) });
  return [guarded(first), ...others.map(guarded)];
}
