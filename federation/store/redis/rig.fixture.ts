import { randomBytes } from 'node:crypto';
import { SystemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Metrics } from '../../../runtime/metrics.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import type { StoreComponents } from '../components.ts';
import type { StoreRig } from '../conformance/rig.fixture.ts';
import { parseRedisAddress } from './address.ts';
import { RedisStore } from './store.ts';

/** Stores on a server that several tests share: each rig has a clusterset of its own there. */
export function redisComponents(): StoreComponents {
  return { clock: new SystemClock(), random: new SystemRandom(), log: silentLogger, metrics: new Metrics() };
}

export function freshClusterset(): string {
  return `t${randomBytes(6).toString('hex')}.example.org`;
}

export interface RigUrls {
  /** As the authority, which is cluster `east`. */
  readonly url: string;
  /** As cluster `west`. Default: `url`. */
  readonly westUrl?: string | undefined;
}

export async function redisRig({ url, westUrl }: RigUrls, clusterset = freshClusterset()): Promise<StoreRig> {
  const open = (address: string): Promise<RedisStore> =>
    RedisStore.open(redisComponents(), { address: parseRedisAddress(address), clusterset });
  const stores = [await open(url), await open(url), await open(westUrl ?? url)] as const;
  return {
    store: stores[0],
    second: stores[1],
    west: stores[2],
    close: async () => {
      for (const store of stores) await store[Symbol.asyncDispose]();
    },
  };
}
