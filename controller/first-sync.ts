import type { ClusterId } from '../federation/model/ids.ts';

/**
 * Whether enough is known to program gateways. A controller that starts with an empty disk must not tell a running Envoy
 * that the other clusters have nothing: until every member that the store lists has been read (or refused), or was
 * restored from disk, nothing is pushed and Envoy keeps what it has. Unknown is not empty.
 */
export class FirstSync {
  readonly #waiting: Set<ClusterId>;
  #storeListed = false;
  #complete = false;

  /** @param restored members whose last good came from disk */
  constructor(init: { readonly members: Iterable<ClusterId>; readonly restored: ReadonlySet<ClusterId> }) {
    this.#waiting = new Set([...init.members].filter((cluster) => !init.restored.has(cluster)));
    this.#complete = this.#waiting.size === 0;
  }

  get complete(): boolean {
    return this.#complete;
  }

  get message(): string | undefined {
    if (this.#complete) return undefined;
    const names = [...this.#waiting].sort().join(', ');
    return this.#storeListed
      ? `waiting to read ${names} from the store`
      : `nothing is known of ${names} yet: the store has not answered and the disk has no last good state`;
  }

  /** The store told which clusters have published; members that never did are not waited for. */
  listed(published: ReadonlySet<ClusterId>): void {
    this.#storeListed = true;
    for (const cluster of this.#waiting) if (!published.has(cluster)) this.#waiting.delete(cluster);
    this.#settle();
  }

  /** The cluster was read, or what it published was refused. */
  heard(cluster: ClusterId): void {
    if (this.#waiting.delete(cluster)) this.#settle();
  }

  #settle(): void {
    if (this.#waiting.size === 0) this.#complete = true;
  }
}
