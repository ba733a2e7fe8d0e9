import assert from 'node:assert/strict';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { compareHeadOrder, type HeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { ClusterView } from '../model/state.ts';
import type { StoreList } from '../store/several.ts';
import { type ClustersetFixture, makeReader, makeWriter, type Reader, recordsOf, rim } from './clusterset.fixture.ts';
import { nextEpoch } from './epoch.ts';
import { Marks } from './marks.ts';
import type { KeptCluster } from './peer-replica.ts';
import type { Publisher } from './publisher.ts';
import type { Keeper } from './subscriber.ts';
import { backUp, MemoryShelf, NO_FAULTS, UnrulyStore } from './unruly-store.fixture.ts';

/**
 * A whole clusterset under a schedule drawn from a seed: publishing, outages, loss, forgery, back-ups put back, emptied
 * stores, restarts, and leaders that wake up after they were replaced. Every event of every reader is checked.
 */
type Services = Readonly<Record<string, number>>;

/** A disk that never fails and writes at once. */
class MemoryKeeper implements Keeper {
  readonly clusters = new Map<ClusterId, KeptCluster>();
  roster: Uint8Array | undefined;

  keep(kept: KeptCluster): void {
    this.clusters.set(kept.cluster, kept);
  }

  keepRoster(bytes: Uint8Array): void {
    this.roster = bytes;
  }

  forget(cluster: ClusterId): void {
    this.clusters.delete(cluster);
  }
}

interface Site {
  readonly cluster: ClusterId;
  /** One to each store of the list. */
  readonly links: readonly [UnrulyStore, ...UnrulyStore[]];
  /** What survives a restart. */
  readonly disk: { readonly marks: Marks; readonly keeper: MemoryKeeper };
  writer: Publisher;
  reader: Reader;
  desired: Services;
  /** Replaced, but still running. */
  readonly zombies: Publisher[];
  readonly lastSeen: Map<ClusterId, HeadOrder>;
  checked: number;
}

export class Schedule {
  readonly #clusterset: ClustersetFixture;
  readonly #seed: number;
  readonly #clock = new ManualClock();
  readonly #random: SeededRandom;
  readonly #shelves: readonly [MemoryShelf, ...MemoryShelf[]];
  readonly #sites = new Map<ClusterId, Site>();
  /** Every state that some writer of the cluster was ever asked to publish. */
  readonly #published = new Map<ClusterId, Set<string>>();
  readonly #log: string[] = [];
  #restore: (() => void) | undefined;

  private constructor(clusterset: ClustersetFixture, seed: number, stores: number) {
    this.#clusterset = clusterset;
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    this.#shelves = [new MemoryShelf(), ...Array.from({ length: stores - 1 }, () => new MemoryShelf())];
  }

  /** The first cluster is the authority. `stores`: how many every site lists; the roster begins in the first. */
  static async start(
    clusterset: ClustersetFixture,
    clusters: readonly ClusterId[],
    { seed, stores = 1 }: { readonly seed: number; readonly stores?: number },
  ): Promise<Schedule> {
    const schedule = new Schedule(clusterset, seed, stores);
    for (const cluster of clusters) await schedule.#addSite(cluster);
    const [first] = schedule.#sites.values();
    assert.ok(first, 'a schedule has sites');
    await clusterset.putRoster(first.links[0], clusterset.roster(1));
    await schedule.#advance(200);
    return schedule;
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      await this.#step(this.#pick([...this.#sites.values()]));
      await this.#advance(this.#random.fraction() * 2_500);
    }
  }

  /**
   * Takes every fault away and waits for the time within which everything must be well again. Of several stores one stays
   * dark at first: any one of them is enough.
   */
  async heal(withinMs: number): Promise<void> {
    const dark = Math.floor(this.#random.fraction() * this.#shelves.length);
    for (const site of this.#sites.values()) {
      for (const link of site.links) Object.assign(link.faults, NO_FAULTS);
      for (const zombie of site.zombies.splice(0)) await zombie.close();
      const link = site.links[dark];
      if (link !== undefined && site.links.length > 1)
        link.faults.link = this.#random.fraction() < 0.5 ? 'hung' : 'down';
    }
    await this.#advance(withinMs);
    this.#checkHealed();
    for (const site of this.#sites.values()) for (const link of site.links) link.faults.link = 'up';
    await this.#advance(withinMs);
    this.#checkHealed();
    for (const shelf of this.#shelves) this.#checkComplete(shelf);
  }

  #checkHealed(): void {
    for (const reader of this.#sites.values()) {
      for (const writer of this.#sites.values()) {
        if (writer === reader) continue;
        const view = reader.reader.subscriber.views.get(writer.cluster);
        const seen = view === undefined ? 'nothing' : contentOf(view);
        assert.equal(seen, textOf(writer.desired), this.#story(`${reader.cluster} does not equal ${writer.cluster}`));
      }
    }
  }

  /** Every store holds the newest version of every cluster in the end, and the roster. */
  #checkComplete(shelf: MemoryShelf): void {
    assert.equal(shelf.roster?.version, 1, this.#story('a store lacks the roster'));
    for (const { cluster, writer } of this.#sites.values()) {
      const version = shelf.clusters.get(cluster)?.order.version;
      assert.equal(version, writer.status.order?.version, this.#story(`a store lacks the newest of ${cluster}`));
    }
  }

  async end(): Promise<void> {
    for (const { writer, reader, zombies } of this.#sites.values()) {
      await Promise.all([writer.close(), reader.subscriber.close(), ...zombies.map((zombie) => zombie.close())]);
    }
  }

  async #step(site: Site): Promise<void> {
    const { faults } = this.#pick(site.links);
    const draw = Math.floor(this.#random.fraction() * 14);
    const name = STEPS[draw] ?? 'publish';
    this.#log.push(`${Math.round(this.#clock.monotonicMs())} ms ${site.cluster}: ${name}`);
    switch (name) {
      case 'publish':
        return this.#publish(site);
      case 'down':
      case 'hung':
        faults.link = name;
        return;
      case 'up':
        faults.link = 'up';
        return;
      case 'lossy':
        Object.assign(faults, { hintsLost: 0.5, hintsDoubled: 0.3, hintsHeldBack: 0.3, delayMsMax: 300 });
        return;
      case 'deaf':
        faults.hintsLost = 1;
        return;
      case 'answersLost':
        faults.answersLost = 0.5;
        return;
      case 'forged':
        faults.forged = 0.7;
        return;
      case 'backUp':
        this.#restore = backUp(this.#pick(this.#shelves));
        return;
      case 'restore':
        this.#restore?.();
        return;
      case 'empty': {
        const shelf = this.#pick(this.#shelves);
        shelf.clusters.clear();
        shelf.roster = undefined;
        return;
      }
      case 'restart':
        return await this.#restart(site);
      case 'takeOver':
        return await this.#takeOver(site);
    }
  }

  #publish(site: Site): void {
    const services = Object.fromEntries(
      ['a', 'b', 'c', 'd'].flatMap((name) => {
        const ready = Math.floor(this.#random.fraction() * 4);
        return ready === 3 ? [] : [[name, ready]];
      }),
    );
    site.desired = services;
    this.#remember(site.cluster, services);
    for (const writer of [site.writer, ...site.zombies]) writer.publish(recordsOf(services), this.#urgency());
    // A leader that was replaced does not know it, and still says something of its own.
    for (const zombie of site.zombies) {
      const stale = { ...services, stale: 1 };
      this.#remember(site.cluster, stale);
      zombie.publish(recordsOf(stale), 'availability');
    }
  }

  async #restart(site: Site): Promise<void> {
    await Promise.all([site.writer.close(), site.reader.subscriber.close()]);
    this.#check(site);
    site.writer = await this.#makeWriter(site);
    site.reader = await this.#makeReader(site);
    site.checked = 0;
    site.writer.publish(recordsOf(site.desired), 'availability');
  }

  async #takeOver(site: Site): Promise<void> {
    site.zombies.push(site.writer);
    site.writer = await this.#makeWriter(site);
    site.writer.publish(recordsOf(site.desired), 'availability');
  }

  async #addSite(cluster: ClusterId): Promise<void> {
    const seed = this.#seed * 31 + this.#sites.size;
    const link = (shelf: MemoryShelf): UnrulyStore =>
      new UnrulyStore({ clock: this.#clock, random: new SeededRandom(seed) }, shelf);
    const [first, ...others] = this.#shelves;
    const links: Site['links'] = [link(first), ...others.map(link)];
    const disk = { marks: (await Marks.load(rim(this.#clock))).marks, keeper: new MemoryKeeper() };
    const base = { cluster, links, disk };
    const desired = { a: 1 };
    const [writer, reader] = [await this.#makeWriter(base), await this.#makeReader(base)];
    const site = { ...base, writer, reader, desired, zombies: [], lastSeen: new Map(), checked: 0 };
    this.#sites.set(cluster, site);
    this.#remember(cluster, desired);
    writer.publish(recordsOf(desired), 'availability');
  }

  async #makeWriter({ cluster, links, disk }: Pick<Site, 'cluster' | 'links' | 'disk'>): Promise<Publisher> {
    const { marks } = disk;
    const { epoch } = nextEpoch({ persisted: marks.own.epoch });
    await marks.takeEpoch(epoch);
    const init = { marks, epoch, initialVersion: marks.own.version };
    const components = { ...rim(this.#clock, this.#seed + epoch), store: listed(links) };
    return await makeWriter(this.#clusterset, components, cluster, init);
  }

  async #makeReader({ cluster, links, disk }: Pick<Site, 'cluster' | 'links' | 'disk'>): Promise<Reader> {
    const components = { ...rim(this.#clock, this.#seed + 500), store: listed(links), ...disk };
    const isAuthority = this.#sites.size === 0 || this.#sites.keys().next().value === cluster;
    const reader = await makeReader(this.#clusterset, components, cluster, { bringsRoster: () => isAuthority });
    reader.subscriber.restore({ roster: disk.keeper.roster, clusters: [...disk.keeper.clusters.values()] });
    for (const seen of disk.keeper.clusters.keys()) {
      assert.ok(reader.subscriber.views.has(seen), this.#story(`${cluster} forgot ${seen} over a restart`));
    }
    reader.subscriber.start();
    return reader;
  }

  async #advance(durationMs: number): Promise<void> {
    await this.#clock.advance(durationMs);
    for (const site of this.#sites.values()) this.#check(site);
  }

  /** I2, I3 and I7 over what the reader was told since the last look. */
  #check(site: Site): void {
    for (const event of site.reader.events.slice(site.checked)) {
      assert.notEqual(event.kind, 'withdrawn', this.#story(`${site.cluster} took a cluster away`));
      if (event.kind !== 'view') continue;
      const { view } = event;
      const before = site.lastSeen.get(view.cluster);
      const order = `${site.cluster} went back on ${view.cluster}`;
      assert.ok(before === undefined || compareHeadOrder(before, view.head) <= 0, this.#story(order));
      site.lastSeen.set(view.cluster, view.head);
      const known = this.#published.get(view.cluster)?.has(contentOf(view)) === true;
      assert.ok(known, this.#story(`${site.cluster} sees of ${view.cluster} what it never published`));
    }
    site.checked = site.reader.events.length;
    for (const cluster of site.lastSeen.keys()) {
      assert.ok(site.reader.subscriber.views.has(cluster), this.#story(`${site.cluster} lost ${cluster}`));
    }
  }

  #remember(cluster: ClusterId, services: Services): void {
    const states = this.#published.get(cluster) ?? new Set();
    this.#published.set(cluster, states.add(textOf(services)));
  }

  #urgency(): 'availability' | 'weight' {
    return this.#random.fraction() < 0.5 ? 'availability' : 'weight';
  }

  #pick<T>(choices: readonly T[]): T {
    const chosen = choices[Math.floor(this.#random.fraction() * choices.length)];
    assert.ok(chosen, 'there is something to choose from');
    return chosen;
  }

  /** A failure names its seed and how it came to it. */
  #story(what: string): string {
    return `seed ${this.#seed}: ${what}\n${this.#log.join('\n')}`;
  }
}

const STEPS = [
  'publish',
  'publish',
  'down',
  'hung',
  'up',
  'lossy',
  'deaf',
  'answersLost',
  'forged',
  'backUp',
  'restore',
  'empty',
  'restart',
  'takeOver',
] as const;

function listed([first, ...others]: Site['links']): StoreList {
  return [{ name: '0', store: first }, ...others.map((store, index) => ({ name: `${index + 1}`, store }))];
}

function textOf(services: Services): string {
  return JSON.stringify(Object.entries(services).sort(([left], [right]) => (left < right ? -1 : 1)));
}

function contentOf(view: ClusterView): string {
  return textOf(
    Object.fromEntries([...view.services.values()].map(({ name, ready }) => [name, ready[0]?.ready ?? -1])),
  );
}
