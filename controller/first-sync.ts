import type { ClusterId } from '../federation/model/ids.ts';
import { compareText } from '../federation/model/ids.ts';

/**
 * Whether enough is known to program gateways. A controller that starts with an empty disk must not tell a running Envoy
 * that the other clusters have nothing: until every member that the store lists has been read (or refused), or was
 * restored from disk, nothing is pushed and Envoy keeps what it has. Unknown is not empty.
 */
export class FirstSync {
  readonly #waiting = new Set<ClusterId>();
  readonly #heard = new Set<ClusterId>();
  /** Were accepted before. */
  readonly #proven = new Set<ClusterId>();
  #storeListed = false;
  #begun = false;
  #complete = false;
  #missed: readonly ClusterId[] = [];

  /** Everything on disk was told (`know`, `heard`): from now on it can be complete. */
  begin(): void {
    this.#begun = true;
    this.#settle();
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** Complete, and nobody was given up: what is not known is not there. */
  get whole(): boolean {
    return this.#complete && this.#waiting.size === 0;
  }

  /** Members that were given up; empty before it is complete. */
  get missed(): readonly ClusterId[] {
    return this.#missed;
  }

  get message(): string | undefined {
    const names = [...this.#waiting].sort(compareText).join(', ');
    if (this.#missed.length > 0) return names === '' ? undefined : `gateways were programmed without ${names}`;
    if (this.#complete) return undefined;
    return this.#storeListed
      ? `waiting to read ${names} from the store`
      : `nothing is known of ${names} yet: the store has not answered and the disk has no last good state`;
  }

  /**
   * All active members of the roster; a newer one, read before the first push, may have more. Who is none any more is not
   * waited for, nor missed.
   * @param isProven whether a mark says that the cluster was accepted once
   */
  know(members: readonly ClusterId[], isProven: (cluster: ClusterId) => boolean = () => false): void {
    for (const cluster of this.#waiting) if (!members.includes(cluster)) this.#waiting.delete(cluster);
    if (this.#complete) return;
    for (const cluster of members) {
      if (!this.#heard.has(cluster)) this.#waiting.add(cluster);
      if (isProven(cluster)) this.#proven.add(cluster);
    }
  }

  /**
   * The store told which clusters have published; members that never did are not waited for. One that was accepted once did,
   * and a store that does not list it has lost it: it is brought back by its writer. Absent: of several stores only some
   * have told, so that who is nowhere is not known.
   */
  listed(published?: ReadonlySet<ClusterId>): void {
    this.#storeListed = true;
    if (this.#complete || published === undefined) return;
    for (const cluster of this.#waiting) {
      if (!published.has(cluster) && !this.#proven.has(cluster)) this.#waiting.delete(cluster);
    }
    this.#settle();
  }

  /** The cluster was read, or what it published was refused. */
  heard(cluster: ClusterId): void {
    this.#heard.add(cluster);
    if (this.#waiting.delete(cluster)) this.#settle();
  }

  /** What the store lists and never hands over must not keep all the others from the gateways. */
  giveUp(): void {
    if (this.#complete || !this.#storeListed) return;
    this.#missed = [...this.#waiting].sort(compareText);
    this.#complete = true;
  }

  #settle(): void {
    if (this.#begun && this.#waiting.size === 0) this.#complete = true;
  }
}
