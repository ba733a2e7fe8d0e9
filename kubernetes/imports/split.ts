import { createHash } from 'node:crypto';

/**
 * Shares items out over slices of bounded size such that an item stays where it is while others come and go. The place
 * follows from the hash of the item alone: a slice that is too full is divided by the next bit of the hash, and only its
 * own items move. Nothing needs to be remembered, so a restart or another replica shares out alike.
 */
export interface Share<T> {
  /** Bits of the hash that all its items begin with, `''` when one slice is enough. */
  readonly name: string;
  readonly items: readonly T[];
}

/** A prefix that long is a name of a DNS label; equal hashes of that length do not happen. */
const BITS_MAX = 60;

/** `keyOf` must differ between items. Empty input gives one empty share, so that there is a slice to look at. */
export function splitStably<T>(items: readonly T[], keyOf: (item: T) => string, sizeMax: number): readonly Share<T>[] {
  if (items.length <= sizeMax) return [{ name: '', items }];
  const hashed = items.map((item) => ({ item, bits: bitsOf(keyOf(item)) }));
  return split(hashed, '', sizeMax);
}

interface Hashed<T> {
  readonly item: T;
  readonly bits: string;
}

function split<T>(hashed: readonly Hashed<T>[], name: string, sizeMax: number): readonly Share<T>[] {
  if (hashed.length <= sizeMax || name.length >= BITS_MAX) {
    return hashed.length === 0 ? [] : [{ name, items: hashed.map(({ item }) => item) }];
  }
  return ['0', '1'].flatMap((bit) => {
    const within = hashed.filter(({ bits }) => bits[name.length] === bit);
    return split(within, `${name}${bit}`, sizeMax);
  });
}

function bitsOf(key: string): string {
  const hash = createHash('sha256').update(key).digest();
  return hash.readBigUInt64BE(0).toString(2).padStart(64, '0');
}
