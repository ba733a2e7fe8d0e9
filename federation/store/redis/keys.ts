import type { ClusterId } from '../../model/ids.ts';
import { isDnsName } from '../../model/ids.ts';
import { InvalidInputError } from '../../../runtime/errors.ts';

/**
 * The names under which a clusterset lives in Redis. The braces are the hash tag of Redis Cluster: what belongs to one
 * cluster shares a slot, so that it changes in one transaction, and the clusters of a clusterset spread over the nodes.
 */
export interface RedisKeys {
  readonly clusterset: string;
  /** STRING: `head-frame.ts` */
  head(cluster: ClusterId): string;
  /** HASH: record key -> octets */
  records(cluster: ClusterId): string;
  /** LIST, newest last: `log-frame.ts` */
  log(cluster: ClusterId): string;
  /** STRING. A lease belongs to the cluster in front of the first `/` of its name. */
  lease(name: string): string;
  /** SET of cluster ids */
  readonly clusters: string;
  /** STRING: `VERSION\n`, then the octets */
  readonly roster: string;
  /** HASH */
  join(tokenId: string): string;
  /** SET of token ids */
  readonly joinIndex: string;
  /** Channel */
  readonly notice: string;
}

export function redisKeys(clusterset: string): RedisKeys {
  if (!isDnsName(clusterset)) {
    throw new InvalidInputError('store', [
      {
        severity: 'error',
        reason: 'InvalidClusterset',
        field: 'clusterset',
        message: `${JSON.stringify(clusterset.slice(0, 80))} is not a DNS name`,
      },
    ]);
  }
  const own = (cluster: string): string => `isthmus:{${clusterset}/${cluster}}`;
  const all = `isthmus:{${clusterset}}`;
  return {
    clusterset,
    head: (cluster) => `${own(cluster)}:head`,
    records: (cluster) => `${own(cluster)}:rec`,
    log: (cluster) => `${own(cluster)}:log`,
    lease: (name) => `${own(name.split('/', 1)[0] ?? '')}:lease:${name}`,
    clusters: `${all}:clusters`,
    roster: `${all}:roster`,
    join: (tokenId) => `${all}:join:${tokenId}`,
    joinIndex: `${all}:join:index`,
    notice: `${all}:notice`,
  };
}
