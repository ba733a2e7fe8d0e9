import type { Store } from './contract.ts';

/**
 * Several stores side by side, while a federation moves from one to another. They are never merged into one: each is
 * followed and written by itself, because only a reader that verifies can tell whose news is the newest.
 */
export interface ListedStore {
  /** Unique in the list, without secrets: what status, metrics and logs call it. */
  readonly name: string;
  readonly store: Store;
}

/** At least one, in the order of the site's list. The first one holds the lease. */
export type StoreList = readonly [ListedStore, ...ListedStore[]];

/** A store alone is a list of one. */
export type Stores = Store | StoreList;

const SOLE_NAME = 'store';

export function listStores(stores: Stores): StoreList {
  return isList(stores) ? stores : [{ name: SOLE_NAME, store: stores }];
}

function isList(stores: Stores): stores is StoreList {
  return Array.isArray(stores);
}

/** @returns the name under which each store is listed. */
export function storeNames(urls: readonly string[]): readonly string[] {
  const bare = urls.map(bareStoreUrl);
  return bare.map((name, index) => {
    const earlier = bare.slice(0, index).filter((other) => other === name).length;
    return earlier === 0 ? name : `${name}#${earlier + 1}`;
  });
}

/** Scheme, host and path of a store's URL: none of what logs in there, or says how. */
export function bareStoreUrl(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/^([a-z+]+:\/\/).*@/s, '$1');
}
