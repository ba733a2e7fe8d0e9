import { compareHeadOrder, type HeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';

/**
 * Notices that a store's hints are silently dead: polling finds heads that no hint ever brings. A hint may be on its way
 * while the poll that finds the same head is answered, so it has until the next poll to come.
 */
/** Whoever may give hints or list heads may make up names: above the members that a roster may have. */
const CLUSTERS_MAX = 2_048;

export class NoticeGaps {
  /** Newest head of each cluster that a poll found or a hint brought. */
  readonly #known = new Map<ClusterId, HeadOrder>();
  /** Found by the last poll, and not hinted before it. */
  #waiting = new Map<ClusterId, HeadOrder>();

  /** `order`: undefined when the hint does not say it. */
  hinted(cluster: ClusterId, order: HeadOrder | undefined): void {
    const waiting = this.#waiting.get(cluster);
    if (waiting === undefined || order === undefined || compareHeadOrder(order, waiting) >= 0) {
      this.#waiting.delete(cluster);
    }
    if (order !== undefined) this.#learn(cluster, order);
  }

  /** The hint source says itself that it was interrupted: whatever was missed is no silent loss. */
  interrupted(): void {
    this.#waiting.clear();
    this.#known.clear();
  }

  /** @returns how many clusters had a head at the last poll of which no hint has come since */
  polled(heads: Iterable<readonly [ClusterId, { readonly order: HeadOrder }]>): number {
    const missed = this.#waiting.size;
    this.#waiting = new Map();
    for (const [cluster, { order }] of heads) {
      const known = this.#known.get(cluster);
      if (known !== undefined && compareHeadOrder(order, known) > 0) this.#waiting.set(cluster, order);
      this.#learn(cluster, order);
    }
    return missed;
  }

  #learn(cluster: ClusterId, order: HeadOrder): void {
    const known = this.#known.get(cluster);
    if (known === undefined && this.#known.size >= CLUSTERS_MAX) return;
    if (known === undefined || compareHeadOrder(order, known) > 0) this.#known.set(cluster, order);
  }
}
