/** Which servers can be a store: those whose access rules know `%R~` and selectors. */
const OLDEST: Readonly<Record<string, string>> = { redis: '7.0', valkey: '7.2' };

/** Undefined: no such product was ever tried. */
export function oldestServer(product: string): string | undefined {
  return Object.hasOwn(OLDEST, product) ? OLDEST[product] : undefined;
}

/** Also of a version that cannot be read: nothing says that it is new enough. */
export function isOldServer(product: string, version: string): boolean {
  const oldest = oldestServer(product);
  if (oldest === undefined) return false;
  const [is, needed] = [numbersOf(version), numbersOf(oldest)];
  const at = needed.findIndex((part, index) => part !== (is[index] ?? -1));
  return at >= 0 && (is[at] ?? -1) < (needed[at] ?? 0);
}

function numbersOf(version: string): readonly number[] {
  return /^\d+(\.\d+)*/.exec(version)?.[0].split('.').map(Number) ?? [];
}
