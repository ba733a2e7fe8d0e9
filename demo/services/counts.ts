/** How often each thing was asked of a service: what the demo compares with the load generator and with Envoy. */
export class Counts {
  readonly #byKey = new Map<string, number>();

  add(key: string): void {
    // Paths come from outside; past the limit they share one entry, so that no caller can fill the memory.
    const kept = this.#byKey.has(key) || this.#byKey.size < KEYS_MAX ? key : 'other';
    this.#byKey.set(kept, (this.#byKey.get(kept) ?? 0) + 1);
  }

  /** Sorted by key. */
  all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#byKey].sort(([left], [right]) => (left < right ? -1 : 1)));
  }
}

const KEYS_MAX = 1000;
