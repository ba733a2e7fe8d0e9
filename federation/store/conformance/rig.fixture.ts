import type { HeadOrder } from '../../model/head.ts';
import type { ClusterId } from '../../model/ids.ts';
import { parseClusterId } from '../../model/ids.ts';
import type { RecordSet } from '../../model/records.ts';
import type { Commit, Hint, Store, StoredHead } from '../contract.ts';

/** A store under test. Where the store tells its users apart, `store` and `second` are the authority, cluster `east`. */
export interface StoreRig {
  readonly store: Store;
  /** Another handle on the same data. */
  readonly second?: Store;
  /** A handle that may write cluster `west`. Default: `store`. */
  readonly west?: Store;
  /** The store's wall clock. Default: the system's. */
  readonly epochMs?: () => number;
  /** Lets the store's time pass. Default: really waiting. */
  readonly pass?: (durationMs: number) => Promise<void>;
  /** Roster bytes that this store takes as that version. Default: any bytes. */
  readonly rosterBytes?: (version: number) => Uint8Array;
  close(): PromiseLike<void>;
}

export type MakeRig = () => Promise<StoreRig>;

/** A board of leases that is no store. */
export interface LeaseRig extends Pick<StoreRig, 'pass' | 'close'> {
  readonly store: Pick<Store, 'lease'>;
  readonly second?: Pick<Store, 'lease'>;
}

export const EAST = parseClusterId('east');
export const WEST = parseClusterId('west');

/** Long enough for a busy machine; a fact that has not come by then is missing. */
export const TEST_TIMEOUT = { timeout: 60_000 };

export function withRig<Rig extends Pick<StoreRig, 'close'>>(
  makeRig: () => Promise<Rig>,
  body: (rig: Rig) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const rig = await makeRig();
    try {
      await body(rig);
    } finally {
      await rig.close();
    }
  };
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function orderOf(part: Partial<HeadOrder>): HeadOrder {
  return { incarnation: 1, epoch: 1, writerId: 'a', version: 1, beat: 0, ...part };
}

export function headOf(part: Partial<HeadOrder>): StoredHead {
  const order = orderOf(part);
  return {
    order,
    head: { bytes: text(JSON.stringify(order)), signature: new Uint8Array(64).fill(7), signerChain: 'ab'.repeat(32) },
  };
}

export function commitOf(
  cluster: ClusterId,
  part: Partial<HeadOrder>,
  puts: Readonly<Record<string, string | Uint8Array>> = {},
  deletes: readonly string[] = [],
): Commit {
  const records = Object.entries(puts).map(
    ([key, value]) => [key, typeof value === 'string' ? text(value) : value] as const,
  );
  return { cluster, ...headOf(part), puts: new Map(records), deletes };
}

/** Plain values, so that a difference is readable and Buffer and Uint8Array compare alike. */
export function plain(records: RecordSet): Record<string, string> {
  const entries = [...records].map(([key, bytes]) => [key, Buffer.from(bytes).toString('latin1')] as const);
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

export function plainHead(stored: StoredHead | undefined): unknown {
  if (stored === undefined) return undefined;
  return {
    order: { ...stored.order },
    bytes: Buffer.from(stored.head.bytes).toString('latin1'),
    signature: Buffer.from(stored.head.signature).toString('hex'),
    signerChain: stored.head.signerChain,
  };
}

export async function readPlain(store: Store, cluster: ClusterId): Promise<Record<string, string> | undefined> {
  const stored = await store.read(cluster);
  return stored && plain(stored.records);
}

/** The first hint that satisfies `wanted`; the others are extra nudges, which a store may give. */
export async function hintThat(hints: AsyncIterator<Hint>, wanted: (hint: Hint) => boolean): Promise<Hint> {
  for (;;) {
    const next = await hints.next();
    if (next.done === true) throw new Error('the watch ended before the hint came');
    if (wanted(next.value)) return next.value;
  }
}
