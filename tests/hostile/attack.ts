/** What a hostile store does to what it was given. `member` is the hostile member, whose keys are good. */
export const ATTACK_KINDS = [
  'replay',
  'reorder',
  'duplicate',
  'drop',
  'pin',
  'truncate',
  'forge',
  'mix',
  'member',
] as const;

export type AttackKind = (typeof ATTACK_KINDS)[number];

/** How often each attack took effect on what a reader or writer was given, by `kind/name`. */
export class Tally {
  readonly #counts = new Map<string, number>();

  fired(kind: AttackKind, name: string): void {
    const key = `${kind}/${name}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  add(other: Tally): void {
    for (const [key, count] of other.#counts) this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  /** Sorted by name. */
  get counts(): ReadonlyMap<string, number> {
    return new Map([...this.#counts].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  static from(counts: Iterable<readonly [string, number]>): Tally {
    const tally = new Tally();
    for (const [key, count] of counts) tally.#counts.set(key, count);
    return tally;
  }
}
