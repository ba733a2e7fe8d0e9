/**
 * For tests: @peculiar/x509, a second opinion on certificates. Its injection container asks for `Reflect.getMetadata`, a
 * proposal that never became part of the language; these three functions are all it uses, and no package is needed.
 */
const metadata = new WeakMap<object, Map<unknown, unknown>>();

function ownMetadata(key: unknown, target: object): unknown {
  return metadata.get(target)?.get(key);
}

Object.assign(Reflect, {
  getOwnMetadata: ownMetadata,
  getMetadata(key: unknown, target: object): unknown {
    for (let at: object | null = target; at !== null; at = Reflect.getPrototypeOf(at)) {
      const value = ownMetadata(key, at);
      if (value !== undefined) return value;
    }
    return undefined;
  },
  defineMetadata(key: unknown, value: unknown, target: object): void {
    metadata.set(target, (metadata.get(target) ?? new Map<unknown, unknown>()).set(key, value));
  },
});

/** Loaded after the lines above, which a static import would come before. */
export const x509 = await import('@peculiar/x509');
