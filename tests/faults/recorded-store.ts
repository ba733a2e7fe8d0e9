/** A store that writes down what is published through it. Otherwise it is the store that it is given. */
import { decodeHead } from '../../federation/model/head-codec.ts';
import type { HeadOrder } from '../../federation/model/head.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { Changes, Commit, Hint, Store, StoredHead } from '../../federation/store/contract.ts';
import type { Recorder } from '../history/recorder.ts';

export class RecordedStore implements Store {
  readonly #store: Store;
  readonly #recorder: Recorder;

  constructor(store: Store, recorder: Recorder) {
    this.#store = store;
    this.#recorder = recorder;
  }

  get join(): Store['join'] {
    return this.#store.join;
  }

  get lease(): Store['lease'] {
    return this.#store.lease;
  }

  async commit(commit: Commit): Promise<void> {
    const { cluster, order } = commit;
    const digest = digestOf(commit);
    // Before the call: a commit whose answer is lost may have been stored all the same.
    this.#recorder.record({ kind: 'desired', cluster, digest });
    this.#recorder.record({ kind: 'published', cluster, order, digest });
    await this.#store.commit(commit);
    this.#recorder.record({ kind: 'stored', cluster, order });
  }

  async beat(cluster: ClusterId, beat: StoredHead): Promise<void> {
    this.#recorder.record({ kind: 'published', cluster, order: beat.order, digest: digestOf(beat) });
    await this.#store.beat(cluster, beat);
  }

  async putRoster(roster: Parameters<Store['putRoster']>[0]): Promise<void> {
    await this.#store.putRoster(roster);
  }

  changes(cluster: ClusterId, after: HeadOrder): Promise<Changes> {
    return this.#store.changes(cluster, after);
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

  watch(signal: AbortSignal): AsyncIterable<Hint> {
    return this.#store.watch(signal);
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#store[Symbol.asyncDispose]();
  }
}

function digestOf({ head }: StoredHead): string {
  const decoded = decodeHead(head.bytes);
  if (!decoded.ok) throw new Error(`a writer signed what is no head: ${decoded.message}`);
  return decoded.value.digest;
}
