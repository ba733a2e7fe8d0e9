import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterId } from '../../federation/model/ids.ts';
import { BenchClusterset } from './clusterset.ts';
import type { MemberWriter } from './member.ts';
import { READER } from './names.ts';
import { ReaderProcess } from './reader-process.ts';
import { importsOf, type Shape } from './shape.ts';
import { type BenchStore, DARK_STORE, type StoreName, startStore } from './stores.ts';

export interface ReaderChoice {
  readonly store?: 'present' | 'dark';
  /** As enrolled in its state folder. */
  readonly cluster?: ClusterId;
}

/** A store in which every member of a shape has published, and state folders from which readers can start. */
export class FilledStore implements AsyncDisposable {
  readonly store: BenchStore;
  readonly shape: Shape;
  readonly writers: readonly MemberWriter[];
  readonly #clusterset: BenchClusterset;
  readonly #owned: AsyncDisposableStack;

  private constructor(init: {
    readonly store: BenchStore;
    readonly shape: Shape;
    readonly writers: readonly MemberWriter[];
    readonly clusterset: BenchClusterset;
    readonly owned: AsyncDisposableStack;
  }) {
    this.store = init.store;
    this.shape = init.shape;
    this.writers = init.writers;
    this.#clusterset = init.clusterset;
    this.#owned = init.owned;
  }

  static async fill(name: StoreName, shape: Shape): Promise<FilledStore> {
    await using owned = new AsyncDisposableStack();
    const clusterset = new BenchClusterset(shape.members);
    const store = owned.use(await startStore(name, clusterset));
    if (name !== 'server') {
      await store.writing.putRoster({ version: clusterset.roster.version, bytes: clusterset.rosterBytes });
    }
    const writers: MemberWriter[] = [];
    for (let index = 0; index < shape.members; index += 1) {
      const writer = clusterset.writer(store.writing, shape, index);
      await writer.publish();
      writers.push(writer);
    }
    return new FilledStore({ store, shape, writers, clusterset, owned: owned.move() });
  }

  /** Keys and records of all members. */
  get bytes(): number {
    return this.writers.reduce((sum, writer) => sum + writer.bytes, 0);
  }

  /** What `isthmus join` leaves behind; removed with the store. */
  async stateFolder(cluster: ClusterId = READER): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'isthmus-scale-'));
    this.#owned.defer(() => rm(folder, { recursive: true, force: true }));
    await this.#clusterset.enrolReader(folder, cluster);
    return folder;
  }

  /** A new controller on that folder, with this store or with one that does not answer. */
  reader(stateDir: string, { store = 'present', cluster = READER }: ReaderChoice = {}): ReaderProcess {
    const storeUrl = store === 'present' ? this.store.readerUrl : DARK_STORE;
    const { members } = this.shape;
    return new ReaderProcess({ stateDir, cluster, storeUrl, imports: importsOf(this.shape), members });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}
