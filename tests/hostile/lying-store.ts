import { diffRecords } from '../../federation/model/diff.ts';
import type { HeadOrder } from '../../federation/model/head.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import {
  type Changes,
  type Commit,
  type Hint,
  type Store,
  type StoredCluster,
  type StoredHead,
  type StoredRoster,
  StoreUnavailableError,
} from '../../federation/store/contract.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Archive } from './archive.ts';
import type { Tally } from './attack.ts';
import type { Dice } from './dice.ts';
import { Mood } from './mood.ts';
import { rosterLie } from './roster-lies.ts';

/**
 * One client's view of a hostile store, at the contract: the truth behind it is real, what this client is told is drawn
 * from the seed. Two clients may be told different things, for each has a liar of its own.
 */
export interface LyingStoreComponents {
  readonly truth: Store;
  readonly clock: Clock;
  readonly archive: Archive;
  readonly dice: Dice;
  readonly tally: Tally;
}

/** An answer that is late arrives after others that were asked for later. */
const LATE_MS_MAX = 1_500;

export class LyingStore implements Store {
  readonly join: Store['join'];
  readonly lease: Store['lease'];
  readonly #components: LyingStoreComponents;
  readonly #mood: Mood;

  constructor(components: LyingStoreComponents) {
    this.#components = components;
    this.join = components.truth.join;
    this.lease = components.truth.lease;
    this.#mood = new Mood(components);
  }

  /** A new mood: which lies are told for a while, which clusters stand still. */
  turnHostile(): void {
    this.#mood.turnHostile();
  }

  turnHonest(): void {
    this.#mood.turnHonest();
  }

  async commit(commit: Commit): Promise<void> {
    await this.#write('commit', () => this.#components.truth.commit(commit));
  }

  async beat(cluster: ClusterId, beat: StoredHead): Promise<void> {
    await this.#write('beat', () => this.#components.truth.beat(cluster, beat));
  }

  async read(cluster: ClusterId): Promise<StoredCluster | undefined> {
    const truth = await this.#components.truth.read(cluster);
    await this.#late();
    return truth && this.#told(cluster, truth);
  }

  async changes(cluster: ClusterId, after: HeadOrder): Promise<Changes> {
    const { truth, archive, dice, tally } = this.#components;
    const stored = await truth.read(cluster);
    await this.#late();
    const told = stored && this.#told(cluster, stored);
    if (told === stored || told === undefined) return await truth.changes(cluster, after);
    const base = archive.at(cluster, after)?.records;
    if (base === undefined || dice.chance(0.2)) return { kind: 'gone' };
    const { puts, deletes } = diffRecords(base, told.records);
    const { order, head } = told;
    if (deletes.length === 0 || !dice.chance(0.3)) return { kind: 'delta', order, head, puts, deletes };
    tally.fired('truncate', 'deletes');
    return { kind: 'delta', order, head, puts, deletes: deletes.slice(1) };
  }

  async heads(): Promise<ReadonlyMap<ClusterId, StoredHead>> {
    const { truth, dice, tally } = this.#components;
    const heads = await truth.heads();
    await this.#late();
    if (!this.#mood.isHostile) return heads;
    if (dice.chance(0.05)) {
      tally.fired('drop', 'all-clusters');
      return new Map();
    }
    const told = new Map<ClusterId, StoredHead>();
    for (const cluster of heads.keys()) {
      const stored = await truth.read(cluster);
      const state = stored && this.#told(cluster, stored);
      if (state !== undefined) told.set(cluster, { order: state.order, head: state.head });
    }
    return dice.chance(0.2) ? this.#withStrangers(told) : told;
  }

  async roster(): Promise<StoredRoster | undefined> {
    const roster = await this.#components.truth.roster();
    if (!this.#mood.isHostile || roster === undefined) return roster;
    return rosterLie(roster, this.#components);
  }

  async putRoster(roster: StoredRoster): Promise<void> {
    await this.#components.truth.putRoster(roster);
  }

  async *watch(signal: AbortSignal): AsyncIterable<Hint> {
    const { dice, tally, truth, archive } = this.#components;
    let held: Hint | undefined;
    for await (const hint of truth.watch(signal)) {
      if (!this.#mood.isHostile) {
        yield hint;
        continue;
      }
      if (dice.chance(0.2)) {
        tally.fired('drop', 'hint');
        continue;
      }
      if (held === undefined && dice.chance(0.2)) {
        held = hint;
        continue;
      }
      yield hint.kind === 'cluster' ? await this.#hinted(hint) : hint;
      if (dice.chance(0.2)) {
        tally.fired('duplicate', 'hint');
        yield hint;
      }
      if (held !== undefined) {
        tally.fired('reorder', 'hint');
        yield held;
        held = undefined;
      }
      const cluster = dice.pick(archive.clusters);
      const old = cluster === undefined ? undefined : dice.pick(archive.of(cluster));
      if (old === undefined || !dice.chance(0.2)) continue;
      tally.fired('replay', 'hint');
      // The archive is keyed by the names of clusters.
      yield { kind: 'cluster', cluster: cluster as ClusterId, head: { order: old.order, head: old.head } };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#components.truth[Symbol.asyncDispose]();
  }

  async #hinted(hint: Extract<Hint, { kind: 'cluster' }>): Promise<Hint> {
    const stored = await this.#components.truth.read(hint.cluster);
    const told = stored && this.#told(hint.cluster, stored);
    return told === undefined ? hint : { ...hint, head: { order: told.order, head: told.head } };
  }

  /** The truth itself, by identity, when this is no lie. */
  #told(cluster: ClusterId, truth: StoredCluster): StoredCluster | undefined {
    const told = this.#mood.tell(cluster, truth);
    return told === 'absent' ? undefined : told;
  }

  async #write(what: string, effect: () => Promise<void>): Promise<void> {
    const { dice, tally } = this.#components;
    const draw = this.#mood.isHostile ? dice.below(10) : -1;
    if (draw === 0) {
      tally.fired('drop', what);
      return;
    }
    await effect();
    if (draw === 1) {
      tally.fired('drop', `${what}-answer`);
      throw new StoreUnavailableError('the answer was lost');
    }
    if (draw !== 2) return;
    tally.fired('duplicate', what);
    await effect();
  }

  async #late(): Promise<void> {
    const { clock, dice, tally } = this.#components;
    if (!this.#mood.isHostile || !dice.chance(0.3)) return;
    tally.fired('reorder', 'answer');
    await clock.sleep(dice.between(0, LATE_MS_MAX));
  }

  /** Names that no roster lists, and some that are no names. */
  #withStrangers(heads: ReadonlyMap<ClusterId, StoredHead>): ReadonlyMap<ClusterId, StoredHead> {
    const { tally } = this.#components;
    const [head] = heads.values();
    if (head === undefined) return heads;
    tally.fired('forge', 'strange-clusters');
    // What a store may answer is any text; that it is no cluster's name is the point.
    const strange = ['__proto__', 'UPPER', 'a'.repeat(600), '', 'constructor'] as ClusterId[];
    return new Map([...heads, ...strange.map((name) => [name, head] as const)]);
  }
}
