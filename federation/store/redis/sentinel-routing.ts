import type { StoreComponents } from '../components.ts';
import { StoreUnavailableError } from '../contract.ts';
import type { RedisAddress, RedisPlace } from './address.ts';
import { formatRedisPlace } from './address.ts';
import { RedisConnection } from './connection.ts';
import { RedisNode } from './node.ts';
import type { RedisReplyError } from './reply.ts';
import { listOf, textOf } from './reply.ts';
import type { Routing } from './routing.ts';
import { storeErrorOf } from './reply-errors.ts';

/**
 * The primary that Sentinels name. They are asked anew for every connection, and the answer is believed only when
 * the server says itself that it is the primary: a Sentinel that was cut off names the old one ("Guidelines for Redis
 * clients with support for Redis Sentinel").
 */
export class SentinelRouting implements Routing {
  readonly #components: StoreComponents;
  readonly #address: RedisAddress;
  readonly #node: RedisNode;

  constructor(components: StoreComponents, init: { address: RedisAddress }) {
    this.#components = components;
    this.#address = init.address;
    this.#node = new RedisNode(components, {
      name: `${init.address.masterName ?? ''} (Sentinel)`,
      dial: (kind) => this.#dialPrimary(`isthmus-${kind}`),
    });
  }

  async nodeOf(): Promise<RedisNode> {
    return this.#node;
  }

  async nodeForNotices(): Promise<RedisNode> {
    return this.#node;
  }

  async primaries(): Promise<readonly RedisNode[]> {
    return [this.#node];
  }

  async heed(error: RedisReplyError, node: RedisNode): Promise<void> {
    node.drop(storeErrorOf(error, node.name));
  }

  suspect(): void {
    // Every connection asks anew.
  }

  close(): void {
    this.#node.close();
  }

  async #dialPrimary(name: string): Promise<RedisConnection> {
    const place = await this.#askSentinels();
    const connection = await RedisConnection.open(this.#components, { place, address: this.#address, name });
    try {
      const [role] = await connection.call([['ROLE']]);
      const said = textOf(listOf(role)[0]);
      if (said === 'master') return connection;
      throw new StoreUnavailableError(`${formatRedisPlace(place)} is named as the primary and says that it is not`, {
        hint: 'a failover is under way, or a Sentinel is cut off from the others',
        fields: { role: said },
      });
    } catch (error) {
      connection.close();
      throw storeErrorOf(error, connection.place);
    }
  }

  /**
   * All at once, so that one that hangs costs nothing, and until most agree: one that is cut off from the others may still
   * name a primary of yesterday. When no more than a few answer, what most of those say has to do.
   */
  async #askSentinels(): Promise<RedisPlace> {
    const sentinels = this.#address.places;
    const votes = new Map<string, { readonly place: RedisPlace; readonly count: number }>();
    const failures: unknown[] = [];
    const asked = sentinels.map((sentinel) => this.#askSentinel(sentinel));
    const majority = new Promise<RedisPlace>((resolve) => {
      for (const asking of asked) {
        asking.then(
          (place) => {
            const name = formatRedisPlace(place);
            const count = (votes.get(name)?.count ?? 0) + 1;
            votes.set(name, { place, count });
            if (count * 2 > sentinels.length) resolve(place);
          },
          (error: unknown) => failures.push(error),
        );
      }
    });
    const all = Promise.allSettled(asked).then(() => {
      const [most] = [...votes.values()].sort((left, right) => right.count - left.count);
      if (most !== undefined) return most.place;
      throw failures[0] ?? new StoreUnavailableError('the address of the store names no Sentinel');
    });
    all.catch(() => undefined); // when most have agreed, nobody listens
    return Promise.race([majority, all]);
  }

  async #askSentinel(sentinel: RedisPlace): Promise<RedisPlace> {
    const address = { ...this.#address, login: this.#address.sentinelLogin, database: 0 };
    const asked = await RedisConnection.open(this.#components, { place: sentinel, address, name: 'isthmus-sentinel' });
    try {
      const [answer] = await asked.call([['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#address.masterName ?? '']]);
      if (answer instanceof Error) throw answer;
      const [host, port] = listOf(answer).map(textOf);
      if (host !== undefined && host !== '') return { host, port: Number(port) };
      throw new StoreUnavailableError(
        `the Sentinel at ${asked.place} knows no primary named ${this.#address.masterName ?? ''}`,
        { hint: 'compare the name behind the slash with `sentinel monitor` in its configuration' },
      );
    } catch (error) {
      throw storeErrorOf(error, asked.place);
    } finally {
      asked.close();
    }
  }
}
