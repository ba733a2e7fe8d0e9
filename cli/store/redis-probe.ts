import { isRedisUrl } from '../../federation/store/redis/address.ts';
import { checkRedis } from '../../federation/store/redis/check.ts';
import { findOutAboutRedis, type RedisCheckInit } from '../../federation/store/redis/check-connect.ts';
import type { CheckComponents } from './run-check.ts';
import { storeComponents } from './open-site-store.ts';

/** What can be asked of a Redis or Valkey beside the contract; other stores have no such side. */
export function probeOf(url: string, init: Omit<RedisCheckInit, 'url'>): CheckComponents['probe'] {
  if (!isRedisUrl(url)) return undefined;
  return async () => {
    const redis = await findOutAboutRedis(storeComponents(), { ...init, url });
    return { redis, findings: checkRedis(redis) };
  };
}
