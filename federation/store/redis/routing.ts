import type { StoreComponents } from '../components.ts';
import type { RedisAddress } from './address.ts';
import { ClusterRouting } from './cluster-routing.ts';
import type { RedisNode } from './node.ts';
import type { RedisReplyError } from './reply.ts';
import { SentinelRouting } from './sentinel-routing.ts';
import { StandaloneRouting } from './standalone-routing.ts';

/** Who keeps what: one server, the primary that Sentinels name, or the nodes of a Redis Cluster. */
export interface Routing {
  /** The node that keeps this key. @throws IsthmusError when nobody can be asked */
  nodeOf(key: string): Promise<RedisNode>;
  /** Where to listen for notices: every node passes on all of them. */
  nodeForNotices(): Promise<RedisNode>;
  /** One node for each part of the keys. */
  primaries(): Promise<readonly RedisNode[]>;
  /** A node says that another is meant (MOVED, READONLY): the next `nodeOf` knows better. */
  heed(error: RedisReplyError, node: RedisNode): Promise<void>;
  /** A node is away: perhaps another has taken its place. */
  suspect(node: RedisNode): void;
  close(): void;
}

export function openRouting(components: StoreComponents, address: RedisAddress): Routing {
  switch (address.mode) {
    case 'standalone':
      return new StandaloneRouting(components, { address });
    case 'sentinel':
      return new SentinelRouting(components, { address });
    case 'cluster':
      return new ClusterRouting(components, { address });
    default:
      return address.mode satisfies never;
  }
}
