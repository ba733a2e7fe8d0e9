import type { Changes, Commit, Hint, Store, StoredHead } from '../../federation/store/contract.ts';
import type { HeadOrder } from '../../federation/model/head.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import { type Note, stampMs } from './trace.ts';

/** A store that notes when it is written to, hinted by and read from. Otherwise it is the store that it is given. */
export class TracedStore implements Store {
  readonly #store: Store;
  readonly #note: (note: Note) => void;

  constructor(store: Store, note: (note: Note) => void) {
    this.#store = store;
    this.#note = note;
  }

  get join(): Store['join'] {
    return this.#store.join;
  }

  get lease(): Store['lease'] {
    return this.#store.lease;
  }

  async commit(commit: Commit): Promise<void> {
    const { version } = commit.order;
    this.#note({ is: 'commit', atMs: stampMs(), version });
    await this.#store.commit(commit);
    this.#note({ is: 'committed', atMs: stampMs(), version });
  }

  async changes(cluster: ClusterId, after: HeadOrder): Promise<Changes> {
    const changes = await this.#store.changes(cluster, after);
    this.#note({ is: 'read', atMs: stampMs(), cluster });
    return changes;
  }

  async *watch(signal: AbortSignal): AsyncIterable<Hint> {
    for await (const hint of this.#store.watch(signal)) {
      if (hint.kind === 'cluster') {
        const version = hint.head?.order.version ?? 0;
        this.#note({ is: 'hint', atMs: stampMs(), cluster: hint.cluster, version });
      }
      yield hint;
    }
  }

  beat(cluster: ClusterId, beat: StoredHead): Promise<void> {
    return this.#store.beat(cluster, beat);
  }

  read(cluster: ClusterId): ReturnType<Store['read']> {
    return this.#store.read(cluster);
  }

  heads(): ReturnType<Store['heads']> {
    return this.#store.heads();
  }

  roster(): ReturnType<Store['roster']> {
    return this.#store.roster();
  }

  putRoster(roster: Parameters<Store['putRoster']>[0]): Promise<void> {
    return this.#store.putRoster(roster);
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#store[Symbol.asyncDispose]();
  }
}
