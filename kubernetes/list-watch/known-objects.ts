/**
 * What is known of a collection, and what of it changed since somebody last asked. A list marks all as not seen and
 * sweeps at its end (as Cilium's watch store): what vanished while nobody watched is told as a deletion, once, and what
 * stayed the same is not told at all.
 */
import type { ObjectKey } from '../api/objects.ts';

export type Changes<T> = ReadonlyMap<ObjectKey, T | undefined>;

export class KnownObjects<T> {
  readonly #same: (one: T, other: T) => boolean;
  readonly #values = new Map<ObjectKey, T>();
  #changed = new Map<ObjectKey, T | undefined>();
  /** While a list runs. */
  #unseen: Set<ObjectKey> | undefined;

  constructor(init: { readonly same: (one: T, other: T) => boolean }) {
    this.#same = init.same;
  }

  get values(): ReadonlyMap<ObjectKey, T> {
    return this.#values;
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** A list begins; one that was not completed is forgotten. */
  begin(): void {
    this.#unseen = new Set(this.#values.keys());
  }

  /** The list was complete: what it did not tell is gone. */
  complete(): void {
    const gone = this.#unseen ?? [];
    this.#unseen = undefined;
    for (const key of gone) this.delete(key);
  }

  /** It is there, but what it says cannot be read: what it said before stays. */
  keep(key: ObjectKey): void {
    this.#unseen?.delete(key);
  }

  set(key: ObjectKey, value: T): void {
    this.#unseen?.delete(key);
    const known = this.#values.get(key);
    if (known !== undefined && this.#same(known, value)) return;
    this.#values.set(key, value);
    this.#changed.set(key, value);
  }

  delete(key: ObjectKey): void {
    this.#unseen?.delete(key);
    if (this.#values.delete(key)) this.#changed.set(key, undefined);
  }

  /** Everything that changed since the last call, in its newest form. */
  takeChanges(): Changes<T> {
    const changed = this.#changed;
    this.#changed = new Map();
    return changed;
  }
}
