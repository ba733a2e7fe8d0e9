import type { Resource } from '../snapshot.ts';

/**
 * What one client has of one resource type, as far as its stream can know: certain after an acknowledgement, a set of
 * possibilities after a refusal that named several resources or after it asked for something again.
 */

/** What the client has of a name. Sent on this stream: the whole resource; presented by the client: its version. */
export interface Known {
  readonly version: string;
  readonly encoded?: Uint8Array | undefined;
}

interface Uncertain {
  readonly before: Known | undefined;
  /** Versions that Envoy may have applied although it refused the response that they were in. */
  readonly tried: Set<string>;
  /** It was asked for again, or a refused response removed it: the client may have thrown away what it had. */
  readonly mayLack: boolean;
}

/** The client has some content of a name, but which is not known: no version equals it. */
const UNNAMED: Known = { version: '' };

export class ClientCopy {
  readonly #has = new Map<string, Known>();
  /** Asked for again, or in a refused response with others: the client may have what was before, or any of `tried`. */
  readonly #uncertain = new Map<string, Uncertain>();

  /** Certainly or possibly. */
  mayHave(name: string): boolean {
    return this.#has.has(name) || this.#uncertain.has(name);
  }

  /** Undefined when it has nothing, and when it is not known what it has. */
  known(name: string): Known | undefined {
    return this.#has.get(name);
  }

  /** A reconnecting client says what it has. */
  present(name: string, version: string): void {
    this.#has.set(name, { version });
  }

  accepted(name: string, resource: Resource): void {
    this.#has.set(name, resource);
    this.#uncertain.delete(name);
  }

  gone(name: string): void {
    this.#has.delete(name);
    this.#uncertain.delete(name);
  }

  /**
   * What the client has of an asked name is not known, which is not the same as nothing. Endpoints are asked for when
   * their cluster is sent anew, and the old cluster still uses them. When that was taken for nothing and the new
   * endpoints were refused, nobody removed the old ones later, and they were not the last good content to go back to.
   */
  doubt(name: string, onItsWay: string | undefined): void {
    const earlier = this.#uncertain.get(name);
    const before = earlier === undefined ? this.#has.get(name) : earlier.before;
    const tried = new Set(earlier?.tried);
    if (onItsWay !== undefined) tried.add(onItsWay);
    if (before !== undefined || tried.size > 0) this.#uncertain.set(name, { before, tried, mayLack: true });
    this.#has.delete(name);
  }

  /**
   * Refused together with others: Envoy refuses the response but applies what is good in it, so it is now unknown what
   * the client has. `tried`: the version sent, absent for a removal.
   */
  refusedWithOthers(name: string, tried: string | undefined): void {
    const earlier = this.#uncertain.get(name) ?? { before: this.#has.get(name), tried: new Set(), mayLack: false };
    if (tried !== undefined) earlier.tried.add(tried);
    // A removal is good in it, too. A cluster that was taken to be still there, because the response that removed it
    // was refused for another's sake, was not sent again when it came back with the content it had had before.
    this.#uncertain.set(name, { ...earlier, mayLack: earlier.mayLack || tried === undefined });
    this.#has.delete(name);
  }

  /** Refused by itself, so it was not applied. @returns what the client had before all doubt */
  refusedAlone(name: string, version: string): Known | undefined {
    const uncertain = this.#uncertain.get(name);
    const before = uncertain === undefined ? this.#has.get(name) : uncertain.before;
    // An earlier content of it, from a response refused for another's sake, may be in use: it must be removable.
    uncertain?.tried.delete(version);
    const kept = uncertain !== undefined && (uncertain.mayLack || uncertain.tried.size > 0) ? UNNAMED : before;
    this.#uncertain.delete(name);
    if (kept === undefined) this.#has.delete(name);
    else this.#has.set(name, kept);
    return before;
  }
}
