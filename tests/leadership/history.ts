/** What the store and a peer were seen to hold of east, one after the other: who wrote, and whether it ever went back. */
import { askController } from '../../cli/admin-client.ts';
import type { HeadOrder } from '../../federation/model/head.ts';
import { compareHeadOrder } from '../../federation/model/head.ts';
import { parseClusterId } from '../../federation/model/ids.ts';
import type { Store } from '../../federation/store/contract.ts';

const EAST = parseClusterId('east');
const LOOK_EVERY_MS = 15;

export interface Seen {
  readonly atMs: number;
  readonly order: HeadOrder;
}

export class History {
  readonly stored: Seen[] = [];
  readonly accepted: Seen[] = [];
  readonly #stop = new AbortController();
  readonly #watching: Promise<unknown>;

  constructor({ store, peerDir }: { store: Store; peerDir: string }) {
    this.#watching = Promise.all([
      this.#poll(this.stored, async () => (await store.heads()).get(EAST)?.order),
      this.#poll(this.accepted, async () => acceptedBy(peerDir)),
    ]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  /** Of heads in the store. */
  get newest(): Seen | undefined {
    return this.stored.at(-1);
  }

  /** Everything that must never happen; empty when it did not. */
  get violations(): readonly string[] {
    return [...backwards('store', this.stored), ...backwards('peer', this.accepted), ...twoWriters(this.#all())];
  }

  get epochs(): readonly number[] {
    return [...new Set(this.#all().map(({ order }) => order.epoch))].toSorted((left, right) => left - right);
  }

  #all(): readonly Seen[] {
    return [...this.stored, ...this.accepted];
  }

  async #poll(into: Seen[], look: () => Promise<HeadOrder | undefined>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // A store or a controller that does not answer shows nothing.
      const order = await look().catch(() => undefined);
      const last = into.at(-1)?.order;
      const isNew = order !== undefined && (last === undefined || compareHeadOrder(order, last) !== 0);
      if (isNew) into.push({ atMs: performance.now(), order });
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}

async function acceptedBy(peerDir: string): Promise<HeadOrder | undefined> {
  // The controller is this program in another process; maps are dumped as objects.
  const state = (await askController(peerDir, '/debug/state')) as {
    readonly peers: Readonly<Record<string, { readonly view: { readonly head: HeadOrder } }>>;
  };
  return state.peers['east']?.view.head;
}

function backwards(where: string, seen: readonly Seen[]): readonly string[] {
  return seen.flatMap(({ order }, index) => {
    const before = seen[index - 1]?.order;
    if (before === undefined || compareHeadOrder(order, before) > 0) return [];
    return [`the ${where} went back from ${JSON.stringify(before)} to ${JSON.stringify(order)}`];
  });
}

function twoWriters(seen: readonly Seen[]): readonly string[] {
  const writers = new Map<number, Set<string>>();
  for (const { order } of seen) {
    const of = writers.get(order.epoch) ?? new Set();
    writers.set(order.epoch, of.add(order.writerId));
  }
  return [...writers].flatMap(([epoch, of]) => (of.size > 1 ? [`epoch ${epoch} has ${[...of].join(' and ')}`] : []));
}
