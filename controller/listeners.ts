/** Those who want to hear of something, in the order in which they asked. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();

  /** Returns what takes it off again. */
  add(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }
}
