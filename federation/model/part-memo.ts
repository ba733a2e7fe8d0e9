/**
 * What a text means, remembered for the texts that come again and again. In two generations, so that what is in use stays
 * and what a hostile writer fills in goes; forgetting costs time only. Texts that never come again are not worth their
 * keeping: while they are the rule, nothing new is remembered.
 */
const TEXTS_MAX = 2_048;
/** A generation that was asked for less often than this was not worth it. */
const HITS_MIN = TEXTS_MAX / 4;
/** Texts read without remembering, after that. */
const REST_TEXTS = 16 * TEXTS_MAX;

export class PartMemo<T> {
  readonly #read: (text: string) => T | undefined;
  #recent = new Map<string, T>();
  #before: ReadonlyMap<string, T> = new Map();
  #hits = 0;
  #rest = 0;

  /** `read` must be a function of the text alone; what it gives is shared, so nobody may change it. */
  constructor(read: (text: string) => T | undefined) {
    this.#read = read;
  }

  /** Whoever asks bounds how much memory the text keeps: it may be a piece of a longer one. */
  of(text: string): T | undefined {
    const known = this.#recent.get(text);
    if (known === undefined) return this.#find(text);
    this.#hits += 1;
    return known;
  }

  #find(text: string): T | undefined {
    const known = this.#before.get(text);
    const value = known ?? this.#read(text);
    if (value !== undefined && (known !== undefined || !this.#isResting())) this.#remember(text, value);
    return value;
  }

  #isResting(): boolean {
    this.#rest = Math.max(0, this.#rest - 1);
    return this.#rest > 0;
  }

  #remember(text: string, value: T): void {
    if (this.#recent.size >= TEXTS_MAX) {
      if (this.#hits < HITS_MIN) this.#rest = REST_TEXTS;
      this.#before = this.#recent;
      this.#recent = new Map();
      this.#hits = 0;
    }
    this.#recent.set(text, value);
  }
}
