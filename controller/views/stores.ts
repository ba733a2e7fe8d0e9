import { redactStoreUrl } from '../config/print.ts';
import type { StoreStanding } from '../store-standings.ts';
import { type ListObject, listOf, type Metadata, secondsSince } from './objects.ts';

/** `isthmus get stores`: whether each store of the list is up, and complete: what one looks at while a clusterset moves. */
export interface StoreItem {
  readonly metadata: Metadata;
  readonly spec: {
    /** Without its secrets. */
    readonly url: string;
    /** Place in the list; the first holds the leases. */
    readonly position: number;
  };
  readonly status: {
    readonly link: 'up' | 'down' | 'unknown';
    readonly forSeconds: number;
    /** Other clusters whose newest version that is known here is not in this store. */
    readonly behind?: number;
    /** Newest version of the own cluster in it. */
    readonly published?: number;
    /** Whether it lacks the newest version of the own cluster. */
    readonly pending?: boolean;
    readonly message?: string;
  };
}

export interface StoresInput {
  readonly stores: readonly StoreStanding[];
  readonly nowMonotonicMs: number;
}

export function storeList({ stores, nowMonotonicMs }: StoresInput): ListObject<'Store', StoreItem> {
  return listOf(
    'Store',
    stores.map((store, position) => ({
      metadata: { name: store.name },
      spec: { url: redactStoreUrl(store.url), position },
      status: {
        link: store.link,
        forSeconds: secondsSince(store.sinceMonotonicMs, nowMonotonicMs),
        ...present({
          behind: store.behind,
          published: store.published,
          pending: store.pending,
          message: store.message,
        }),
      },
    })),
  );
}

/** Without the fields that are not known. */
function present<T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  // Dropping exactly the undefined ones is what the type says.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
