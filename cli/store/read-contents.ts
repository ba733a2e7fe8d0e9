import type { ClusterId } from '../../federation/model/ids.ts';
import {
  type Store,
  type StoredCluster,
  type StoredRoster,
  StoreLimitError,
  StoreRefusedError,
} from '../../federation/store/contract.ts';
import { canInspect, type StoreBoards } from '../../federation/store/inspect.ts';
import type { StoreContents } from './dump.ts';

/**
 * Everything that a store shows, read for `isthmus store dump`. What one cluster has there may be damaged, or not ours at
 * all: that is shown too, and keeps nobody from seeing the others.
 */
/** Whole clusters under way at a time: each may be 32 MiB. */
const READS_AT_ONCE = 4;

export interface ReadInit {
  /** Of the store, as it may be shown. */
  readonly name: string;
  /** Empty: all. */
  readonly only: readonly ClusterId[];
  /** Members that this site knows: a head that is damaged is in no list of the store's. */
  readonly known: readonly ClusterId[];
}

export async function readContents(store: Store, init: ReadInit): Promise<StoreContents> {
  const unreadable = new Map<ClusterId, string>();
  const clusters = new Map<ClusterId, StoredCluster>();
  const roster = await readable<StoredRoster | undefined>(() => store.roster());
  const names = init.only.length > 0 ? init.only : [...new Set([...(await store.heads()).keys(), ...init.known])];
  const waiting = [...names];
  const worker = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const cluster = next;
      const stored = await readable(() => store.read(cluster));
      if (!stored.ok) unreadable.set(cluster, stored.why);
      else if (stored.value !== undefined) clusters.set(cluster, stored.value);
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, worker));
  return {
    store: init.name,
    roster: roster.ok ? roster.value : undefined,
    rosterProblem: roster.ok ? undefined : roster.why,
    clusters,
    unreadable,
    boards: await boardsOf(store),
  };
}

type Readable<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

/** A store that is away is no content. @throws whatever else fails */
async function readable<T>(read: () => Promise<T>): Promise<Readable<T>> {
  try {
    return { ok: true, value: await read() };
  } catch (error) {
    if (!isAboutContent(error)) throw error;
    // Of damaged data the hint names the command that takes it away.
    return { ok: false, why: error.hint === undefined ? error.message : `${error.message} (${error.hint})` };
  }
}

/** Foreign or damaged data names its key. A login that is refused, or may not read, is no news about the content. */
function isAboutContent(error: unknown): error is StoreRefusedError | StoreLimitError {
  if (error instanceof StoreLimitError) return true;
  return error instanceof StoreRefusedError && 'key' in error.fields;
}

async function boardsOf(store: Store): Promise<StoreBoards | undefined> {
  if (!canInspect(store)) return undefined;
  try {
    return await store.boards();
  } catch (error) {
    if (error instanceof StoreRefusedError) return undefined;
    throw error;
  }
}
