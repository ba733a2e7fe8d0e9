/**
 * Structural sharing: a freshly computed value takes over every part of its predecessor that is equal, so that `===`
 * downstream means "nothing to do" and an unchanged part is neither encoded nor sent again.
 */

/** `next`, or `previous` when both are equal in content. For plain data; other objects are compared by identity. */
export function share<T>(previous: T | undefined, next: T): T {
  return previous !== undefined && isEqual(previous, next) ? previous : next;
}

/** As `share`, element by element, found by key: insertions and removals do not disturb the other elements. */
export function shareList<T>(previous: readonly T[], next: readonly T[], keyOf: (item: T) => string): readonly T[] {
  const known = byKey(previous, next, keyOf);
  const shared = next.map((item, index) => share(known(item, index), item));
  const same = shared.length === previous.length && shared.every((item, index) => item === previous[index]);
  return same ? previous : shared;
}

/** Mostly nothing was inserted or removed; then positions do and no index is built. */
function byKey<T>(
  previous: readonly T[],
  next: readonly T[],
  keyOf: (item: T) => string,
): (item: T, index: number) => T | undefined {
  const isAligned =
    previous.length === next.length &&
    previous.every((item, index) => {
      const other = next[index];
      return item === other || (other !== undefined && keyOf(item) === keyOf(other));
    });
  if (isAligned) return (_, index) => previous[index];
  const index = new Map(previous.map((item) => [keyOf(item), item]));
  return (item) => index.get(keyOf(item));
}

function isEqual(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => isEqual(item, right[index]));
  }
  if (!isPlain(left) || !isPlain(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && isEqual(left[name], right[name]))
  );
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
