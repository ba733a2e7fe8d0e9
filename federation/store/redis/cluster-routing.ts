import { errorText } from '../../../runtime/errors.ts';
import type { StoreComponents } from '../components.ts';
import { StoreUnavailableError } from '../contract.ts';
import type { RedisAddress, RedisPlace } from './address.ts';
import { formatRedisPlace } from './address.ts';
import { RedisConnection } from './connection.ts';
import { RedisNode } from './node.ts';
import type { Reply, RedisReplyError } from './reply.ts';
import { accepted, listOf, numberOf, textOf } from './reply.ts';
import type { Routing } from './routing.ts';
import { storeErrorOf } from './reply-errors.ts';
import { SLOTS, slotOf } from './slots.ts';

/** A node that answers `MOVED` to each other could send us in circles for ever: the map is not asked for more often. */
const REFRESH_PAUSE_MS = 200;
const MAP_ANSWER = { bytesMax: 4 * 1024 * 1024, timeoutMs: 2_000 };
const NODES_MAX = 1_000;

/**
 * The nodes of a Redis Cluster and the slots of each, as any node tells (CLUSTER SLOTS). `MOVED` corrects one slot at once;
 * a node that is away makes the map be asked for again, from whoever answers.
 */
export class ClusterRouting implements Routing {
  readonly #components: StoreComponents;
  readonly #address: RedisAddress;
  readonly #nodes = new Map<string, { readonly place: RedisPlace; readonly node: RedisNode }>();
  /** Slot -> HOST:PORT */
  #owners: (string | undefined)[] = [];
  #refreshing: Promise<void> | undefined;
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  #isStale = true;
  #closed = false;

  constructor(components: StoreComponents, init: { address: RedisAddress }) {
    this.#components = components;
    this.#address = init.address;
  }

  async nodeOf(key: string): Promise<RedisNode> {
    await this.#upToDate();
    const slot = slotOf(key);
    const owner = this.#owners[slot];
    const node = owner === undefined ? undefined : this.#nodes.get(owner)?.node;
    if (node !== undefined) return node;
    this.#isStale = true;
    throw new StoreUnavailableError(`no node of the Redis Cluster serves slot ${slot}`, {
      hint: 'look at CLUSTER SLOTS: a node that is down needs a replica, or has to come back',
    });
  }

  async nodeForNotices(): Promise<RedisNode> {
    const nodes = await this.primaries();
    // Not always the same one: a node that is away may not be known to be so yet.
    const chosen = nodes[Math.floor(this.#components.random.fraction() * nodes.length)];
    if (chosen === undefined) throw new StoreUnavailableError('no node of the Redis Cluster is known');
    return chosen;
  }

  async primaries(): Promise<readonly RedisNode[]> {
    await this.#upToDate();
    return [...new Set(this.#owners)].flatMap((owner) =>
      owner === undefined ? [] : (this.#nodes.get(owner)?.node ?? []),
    );
  }

  async heed(error: RedisReplyError, node: RedisNode): Promise<void> {
    const moved = /^MOVED ([0-9]{1,5}) (.*):([0-9]{1,5})$/.exec(error.message);
    if (moved === null) {
      // READONLY or CLUSTERDOWN: the roles have changed.
      this.#isStale = true;
      if (error.code === 'READONLY') node.drop(storeErrorOf(error, node.name));
      return;
    }
    const [, slot, host = '', port] = moved;
    const place = { host: host === '' ? hostOf(node.name) : host, port: Number(port) };
    if (Number(slot) < SLOTS) this.#owners[Number(slot)] = this.#keep(place);
    this.#isStale = true;
  }

  suspect(): void {
    this.#isStale = true;
  }

  close(): void {
    this.#closed = true;
    for (const { node } of this.#nodes.values()) node.close();
  }

  /** With a map that is merely doubtful nobody waits for a new one. */
  async #upToDate(): Promise<void> {
    if (this.#closed) throw new StoreUnavailableError('the store is closed');
    const isDue = this.#components.clock.monotonicMs() >= this.#refreshedAtMs + REFRESH_PAUSE_MS;
    if (this.#isStale && isDue) {
      this.#refreshing ??= this.#refresh().finally(() => {
        this.#refreshing = undefined;
      });
    }
    if (this.#refreshing === undefined) return;
    if (this.#owners.length === 0) await this.#refreshing;
    else this.#refreshing.catch(() => undefined);
  }

  async #refresh(): Promise<void> {
    this.#refreshedAtMs = this.#components.clock.monotonicMs();
    const known = [...this.#nodes.values()].map(({ place }) => place);
    const places = [...known, ...this.#address.places.filter((seed) => !this.#nodes.has(formatRedisPlace(seed)))];
    // All at once: one that hangs must not keep us from asking the next.
    try {
      this.#use(await Promise.any(places.map((place) => this.#askMap(place))));
    } catch (error) {
      const [first] = error instanceof AggregateError ? error.errors : [error];
      if (this.#owners.length === 0) throw first;
      this.#components.log.debug('no node of the Redis Cluster tells its slots', { error: errorText(first) });
    }
  }

  async #askMap(place: RedisPlace): Promise<readonly SlotRange[]> {
    const asked = await this.#open(place, 'isthmus-map');
    try {
      const [slots] = accepted(await asked.call([['CLUSTER', 'SLOTS']], MAP_ANSWER));
      const ranges = listOf(slots);
      if (ranges.length === 0)
        throw new StoreUnavailableError(`${asked.place} serves no slots`, { hint: CLUSTER_HINT });
      return ranges.flatMap((range) => slotRangeOf(range, place.host) ?? []);
    } catch (error) {
      throw storeErrorOf(error, asked.place);
    } finally {
      asked.close();
    }
  }

  #use(ranges: readonly SlotRange[]): void {
    const owners = Array.from<string | undefined>({ length: SLOTS });
    for (const { first, last, place } of ranges) owners.fill(this.#keep(place), first, last + 1);
    this.#owners = owners;
    this.#isStale = false;
    this.#forgetOthers(new Set(owners));
  }

  #keep(place: RedisPlace): string | undefined {
    const name = formatRedisPlace(place);
    if (this.#nodes.has(name)) return name;
    if (this.#nodes.size >= NODES_MAX) return undefined;
    const node = new RedisNode(this.#components, { name, dial: (kind) => this.#open(place, `isthmus-${kind}`) });
    this.#nodes.set(name, { place, node });
    return name;
  }

  #forgetOthers(owners: ReadonlySet<string | undefined>): void {
    for (const [name, { node }] of this.#nodes) {
      if (owners.has(name)) continue;
      node.close();
      this.#nodes.delete(name);
    }
  }

  #open(place: RedisPlace, name: string): Promise<RedisConnection> {
    return RedisConnection.open(this.#components, { place, address: this.#address, name });
  }
}

interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly place: RedisPlace;
}

/** `[first, last, [host, port, id, ...], replicas...]`. A node that does not know its own name is where it was asked. */
function slotRangeOf(range: Reply, askedHost: string): SlotRange | undefined {
  const [first, last, primary] = listOf(range);
  const [host, port] = listOf(primary);
  const said = textOf(host);
  const place = { host: said === '' || said === '?' ? askedHost : said, port: numberOf(port) };
  const isWhole = [first, last].every((slot) => Number.isInteger(numberOf(slot)) && numberOf(slot) >= 0);
  if (!isWhole || numberOf(last) >= SLOTS || !Number.isInteger(place.port)) return undefined;
  return { first: numberOf(first), last: numberOf(last), place };
}

const CLUSTER_HINT = 'is it part of a Redis Cluster? For a single server use redis://HOST:PORT';

function hostOf(name: string): string {
  return name.slice(0, name.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}
