import type { StorePublishStatus } from '../federation/sync/publisher.ts';
import type { FollowedStore } from '../federation/sync/subscriber.ts';
import { storeNames } from '../federation/store/several.ts';

/** How each store of the site's list is, from its reader's and its writer's side. One value for status, `get` and metrics. */
export interface StoreStanding {
  readonly name: string;
  /** As configured: may hold secrets. */
  readonly url: string;
  readonly link: FollowedStore['state'];
  /** Monotonic ms. */
  readonly sinceMonotonicMs: number;
  /** Clusters whose newest version that is known here is not in this store; absent before it listed any. */
  readonly behind?: number | undefined;
  /** The newest version of this cluster that the store confirmed; absent before there was one, and out of office. */
  readonly published?: number | undefined;
  /** True while the newest version of this cluster is not in it; absent out of office. */
  readonly pending?: boolean | undefined;
  /** Why it cannot be read, or written. */
  readonly message?: string | undefined;
}

export interface StandingsInput {
  /** Of the site's configuration, in its order. */
  readonly urls: readonly string[];
  readonly followed: readonly FollowedStore[];
  /** Empty out of office. */
  readonly published: readonly StorePublishStatus[];
  readonly startedMonotonicMs: number;
}

export function storeStandings({
  urls,
  followed,
  published,
  startedMonotonicMs,
}: StandingsInput): readonly StoreStanding[] {
  const names = storeNames(urls);
  return urls.map((url, index) => {
    const name = names[index] ?? url;
    const reader = followed.find(({ store }) => store === name);
    const writer = published.find(({ store }) => store === name);
    if (reader === undefined) {
      const message = 'left out: it could not be opened';
      return { name, url, link: 'down', sinceMonotonicMs: startedMonotonicMs, message };
    }
    return {
      name,
      url,
      link: reader.state,
      sinceMonotonicMs: reader.sinceMs,
      behind: reader.behind,
      published: writer?.order?.version,
      pending: writer?.pending,
      message: reader.message ?? writer?.lastError,
    };
  });
}
