import type { Note } from './trace.ts';

/** A site whose controller notes its steps: who listens hears each of them. */
export interface Noting {
  readonly name: string;
  /** @returns a function that ends the listening */
  onNote(listener: (note: Note) => void): () => void;
  /** Resolves with what `find` makes of the first note that it takes. */
  until<T>(find: (note: Note) => T | undefined, timeoutMs: number): Promise<T>;
}

export class Notes implements Noting {
  readonly name: string;
  readonly #listeners = new Set<(note: Note) => void>();

  constructor(name: string) {
    this.name = name;
  }

  onNote(listener: (note: Note) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  until<T>(find: (note: Note) => T | undefined, timeoutMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`${this.name} did not say what was waited for in ${timeoutMs} ms`));
      }, timeoutMs);
      const stop = this.onNote((note) => {
        const found = find(note);
        if (found === undefined) return;
        clearTimeout(timer);
        stop();
        resolve(found);
      });
    });
  }

  /** A line of a traced controller. */
  heard(line: string): void {
    // The controller is this program in another process.
    const note = JSON.parse(line) as Note;
    for (const listener of this.#listeners) listener(note);
  }
}
