import type { ClusterId } from '../../federation/model/ids.ts';
import type { StoredCluster, StoredRoster } from '../../federation/store/contract.ts';
import { MemoryShelf, MemoryStore } from '../../federation/store/memory.ts';
import type { Stores } from '../../federation/store/several.ts';
import { rim } from '../../federation/sync/clusterset.fixture.ts';
import { Marks } from '../../federation/sync/marks.ts';
import { ManualClock } from '../../runtime/clock.ts';
import { Archive } from './archive.ts';
import type { Tally } from './attack.ts';
import { HOSTILE } from './cast.ts';
import type { Dice } from './dice.ts';
import type { Disk, Field, Link } from './field.ts';
import { LyingStore } from './lying-store.ts';
import { MemoryDisk } from './memory-disk.ts';
import { ArchivedStore, putOn, showRoster } from './shelf.ts';

/** A hostile store at the contract: in memory, on a clock that only the run moves, so that a seed is one run and no other. */
export class ContractField implements Field {
  readonly clock = new ManualClock();
  readonly archive = new Archive();
  readonly patience = 1;
  readonly #dice: Dice;
  readonly #tally: Tally;
  readonly #shelf = new MemoryShelf();
  readonly #honestShelf: MemoryShelf | undefined;
  readonly #planted = new Set<ClusterId>();
  #roster: StoredRoster | undefined;

  constructor(
    components: { readonly dice: Dice; readonly tally: Tally },
    init: { readonly beside: 'nobody' | 'an-honest-store' },
  ) {
    this.#honestShelf = init.beside === 'nobody' ? undefined : new MemoryShelf();
    this.#dice = components.dice;
    this.#tally = components.tally;
  }

  async link(name: string): Promise<Link> {
    const { clock, archive } = this;
    const truth = new ArchivedStore({ clock }, this.#shelf, archive);
    const dice = this.#dice.of(name);
    const liar = new LyingStore({ truth, clock, archive, dice, tally: this.#tally });
    const store = this.#honestShelf === undefined ? liar : this.#besides(liar, this.#honestShelf, dice);
    return { store, turnHostile: () => liar.turnHostile(), turnHonest: () => liar.turnHonest() };
  }

  get hasHonestStore(): boolean {
    return this.#honestShelf !== undefined;
  }

  /** Whichever comes first in the list. */
  #besides(liar: LyingStore, shelf: MemoryShelf, dice: Dice): Stores {
    const hostile = { name: 'hostile', store: liar };
    const honest = { name: 'honest', store: new MemoryStore(this, { shelf }) };
    return dice.chance(0.5) ? [hostile, honest] : [honest, hostile];
  }

  async disk(): Promise<Disk> {
    return new MemoryDisk((await Marks.load(rim(this.clock))).marks);
  }

  async putRoster(roster: StoredRoster): Promise<void> {
    this.#roster = roster;
    this.archive.keepRoster(roster);
    showRoster(this.#shelf, roster);
    if (this.#honestShelf !== undefined) showRoster(this.#honestShelf, roster);
  }

  /** In a store that keeps its rules nobody writes in another's place. */
  async plant(place: ClusterId, state: StoredCluster): Promise<void> {
    this.#planted.add(place);
    putOn(this.#shelf, place, state);
    if (place === HOSTILE && this.#honestShelf !== undefined) putOn(this.#honestShelf, place, state);
  }

  async plantRoster(roster: StoredRoster): Promise<void> {
    showRoster(this.#shelf, roster);
  }

  async truth(cluster: ClusterId): Promise<StoredCluster | undefined> {
    return this.#shelf.clusters.get(cluster);
  }

  async cleanUp(): Promise<void> {
    for (const place of this.#planted) this.#shelf.clusters.delete(place);
    if (this.#roster !== undefined) showRoster(this.#shelf, this.#roster);
  }

  async passTime(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const shelf of [this.#shelf, this.#honestShelf]) for (const reader of shelf?.readers ?? []) reader.end();
  }
}
