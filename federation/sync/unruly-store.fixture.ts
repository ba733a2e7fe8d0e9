import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { HeadOrder, SignedHead } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { RecordSet } from '../model/records.ts';
import {
  type Changes,
  type Commit,
  type Hint,
  type Store,
  type StoredCluster,
  type StoredHead,
  type StoredRoster,
  StoreUnavailableError,
} from '../store/contract.ts';
import { MemoryShelf, MemoryStore } from '../store/memory.ts';

/**
 * One client's way to a shared store, with everything that may go wrong on it. The store behind it is a real one: what is
 * lost, late, doubled or forged was really there.
 */
export interface Faults {
  /** `hung`: calls are taken and never answered. */
  link: 'up' | 'down' | 'hung';
  /** Reads of this cluster alone are never answered. */
  hungCluster: ClusterId | undefined;
  /** Calls take up to this long each way, so that answers and late effects overtake each other. */
  delayMsMax: number;
  /** Answers to `heads`, and to `read` and `changes`, are this old when they arrive. */
  headsLateMs: number;
  readsLateMs: number;
  /** Commits take effect this long after they were sent. */
  commitsLateMs: number;
  /** Shares in [0, 1]. */
  hintsLost: number;
  hintsDoubled: number;
  hintsHeldBack: number;
  /** Writes that take effect although their caller hears of a failure. */
  answersLost: number;
  /** Answers of reads that were changed on the way. */
  forged: number;
}

export const NO_FAULTS: Faults = {
  link: 'up',
  hungCluster: undefined,
  delayMsMax: 0,
  headsLateMs: 0,
  readsLateMs: 0,
  commitsLateMs: 0,
  hintsLost: 0,
  hintsDoubled: 0,
  hintsHeldBack: 0,
  answersLost: 0,
  forged: 0,
};

export class UnrulyStore implements Store {
  readonly faults: Faults = { ...NO_FAULTS };
  /** Every commit and beat that reached the store through this link. */
  readonly written: (Commit | { cluster: ClusterId; order: HeadOrder; head: SignedHead })[] = [];
  readonly calls = new Map<string, number>();
  readonly join: Store['join'];
  readonly lease: Store['lease'];
  readonly #inner: MemoryStore;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(components: { clock: Clock; random: Random }, shelf: MemoryShelf) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#inner = new MemoryStore(components, { shelf });
    this.join = this.#inner.join;
    this.lease = this.#inner.lease;
  }

  commits(): readonly Commit[] {
    return this.written.filter((write): write is Commit => 'puts' in write);
  }

  commit(commit: Commit): Promise<void> {
    return this.#write('commit', async () => {
      await this.#late(this.faults.commitsLateMs);
      await this.#inner.commit(commit);
      this.written.push(commit);
    });
  }

  beat(cluster: ClusterId, beat: StoredHead): Promise<void> {
    return this.#write('beat', async () => {
      await this.#inner.beat(cluster, beat);
      this.written.push({ cluster, ...beat });
    });
  }

  async read(cluster: ClusterId): Promise<StoredCluster | undefined> {
    const stored = await this.#call('read', () => this.#unlessHung(cluster, this.#inner.read(cluster)));
    await this.#late(this.faults.readsLateMs);
    return stored && this.#draw(this.faults.forged) ? this.#forgeCluster(stored) : stored;
  }

  async changes(cluster: ClusterId, after: HeadOrder): Promise<Changes> {
    const changes = await this.#call('changes', () => this.#unlessHung(cluster, this.#inner.changes(cluster, after)));
    await this.#late(this.faults.readsLateMs);
    if (changes.kind === 'gone' || !this.#draw(this.faults.forged)) return changes;
    const { order, head, puts } = changes;
    return { ...changes, ...this.#forgeHead({ order, head }), puts: this.#forgeRecords(puts) };
  }

  async heads(): Promise<ReadonlyMap<ClusterId, StoredHead>> {
    const heads = await this.#call('heads', () => this.#inner.heads());
    await this.#late(this.faults.headsLateMs);
    if (!this.#draw(this.faults.forged)) return heads;
    return new Map([...heads].map(([cluster, head]) => [cluster, this.#forgeHead(head)]));
  }

  roster(): Promise<StoredRoster | undefined> {
    return this.#call('roster', () => this.#inner.roster());
  }

  putRoster(roster: StoredRoster): Promise<void> {
    return this.#write('putRoster', () => this.#inner.putRoster(roster));
  }

  async *watch(signal: AbortSignal): AsyncIterable<Hint> {
    let held: Hint | undefined;
    for await (const hint of this.#inner.watch(signal)) {
      if (this.faults.link !== 'up' || this.#draw(this.faults.hintsLost)) continue;
      if (held === undefined && this.#draw(this.faults.hintsHeldBack)) {
        held = hint;
        continue;
      }
      yield hint;
      if (this.#draw(this.faults.hintsDoubled)) yield hint;
      if (held !== undefined) yield held;
      held = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  async #write(name: string, effect: () => Promise<void>): Promise<void> {
    await this.#call(name, effect);
    if (this.#draw(this.faults.answersLost)) throw new StoreUnavailableError('the answer was lost');
  }

  async #call<T>(name: string, effect: () => Promise<T>): Promise<T> {
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
    if (this.faults.link === 'hung') return await new Promise<never>(() => undefined);
    if (this.faults.link === 'down') throw new StoreUnavailableError('the link is down');
    await this.#delay();
    const answer = await effect();
    await this.#delay();
    return answer;
  }

  async #late(delayMs: number): Promise<void> {
    if (delayMs > 0) await this.#clock.sleep(delayMs);
  }

  #unlessHung<T>(cluster: ClusterId, answer: Promise<T>): Promise<T> {
    return cluster === this.faults.hungCluster ? new Promise<never>(() => undefined) : answer;
  }

  async #delay(): Promise<void> {
    if (this.faults.delayMsMax > 0) await this.#clock.sleep(this.#random.fraction() * this.faults.delayMsMax);
  }

  #draw(share: number): boolean {
    return share > 0 && this.#random.fraction() < share;
  }

  #forgeCluster(stored: StoredCluster): StoredCluster {
    return { ...this.#forgeHead(stored), records: this.#forgeRecords(stored.records) };
  }

  /** A head with a claimed order, a bit or a signature that is not its writer's. */
  #forgeHead(stored: StoredHead): StoredHead {
    const kind = Math.floor(this.#random.fraction() * 4);
    const { order, head } = stored;
    if (kind === 0) return { order: { ...order, version: order.version + 1 }, head };
    if (kind === 1) return { order, head: { ...head, bytes: this.#flip(head.bytes) } };
    if (kind === 2) return { order, head: { ...head, signature: this.#flip(head.signature) } };
    return stored;
  }

  #forgeRecords(records: RecordSet): RecordSet {
    const forged = new Map(records);
    const keys = [...records.keys()];
    const key = keys[Math.floor(this.#random.fraction() * keys.length)];
    const bytes = key === undefined ? undefined : records.get(key);
    if (key === undefined || bytes === undefined) return records;
    if (this.#draw(0.5)) forged.delete(key);
    else forged.set(key, this.#flip(bytes));
    return forged;
  }

  #flip(bytes: Uint8Array): Uint8Array {
    const flipped = new Uint8Array(bytes);
    const index = Math.floor(this.#random.fraction() * flipped.length);
    flipped[index] = (flipped[index] ?? 0) ^ 1;
    return flipped;
  }
}

/** What a store looked like, to go back to. */
export function backUp(shelf: MemoryShelf): () => void {
  const clusters = new Map(shelf.clusters);
  return () => {
    shelf.clusters.clear();
    for (const [cluster, stored] of clusters) shelf.clusters.set(cluster, stored);
  };
}

export { MemoryShelf };
