/**
 * Deep equality of plain values (objects, arrays, primitives), where a property that is `undefined` equals one that is
 * missing. Shared parts are found by identity first, so that comparing mostly shared values is cheap.
 */
export function sameValue(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => sameValue(item, right[index]));
  }
  // Plain records only come here; reading a missing property gives `undefined`, which is what is wanted.
  const [one, other] = [left as Fields, right as Fields];
  for (const key in one) if (!sameValue(one[key], other[key])) return false;
  for (const key in other) if (other[key] !== undefined && !Object.hasOwn(one, key)) return false;
  return true;
}

type Fields = Readonly<Record<string, unknown>>;
