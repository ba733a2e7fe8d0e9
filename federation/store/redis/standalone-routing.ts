import type { StoreComponents } from '../components.ts';
import type { RedisAddress } from './address.ts';
import { formatRedisPlace } from './address.ts';
import { RedisConnection } from './connection.ts';
import { RedisNode } from './node.ts';
import type { RedisReplyError } from './reply.ts';
import type { Routing } from './routing.ts';
import { storeErrorOf } from './reply-errors.ts';
import { StoreUnavailableError } from '../contract.ts';

/** One server. Its name may come to mean another one, so a replica's refusal is answered by dialling again. */
export class StandaloneRouting implements Routing {
  readonly #node: RedisNode;

  constructor(components: StoreComponents, init: { address: RedisAddress }) {
    const { address } = init;
    const [place] = address.places;
    if (place === undefined) throw new StoreUnavailableError('the address of the store names no server');
    this.#node = new RedisNode(components, {
      name: formatRedisPlace(place),
      dial: (kind) => RedisConnection.open(components, { place, address, name: `isthmus-${kind}` }),
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
    // There is no other.
  }

  close(): void {
    this.#node.close();
  }
}
