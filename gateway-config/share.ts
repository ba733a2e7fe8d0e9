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
  const known = new Map(previous.map((item) => [keyOf(item), item]));
  const shared = next.map((item) => share(known.get(keyOf(item)), item));
  const same = shared.length === previous.length && shared.every((item, index) => item === previous[index]);
  return same ? previous : shared;
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
