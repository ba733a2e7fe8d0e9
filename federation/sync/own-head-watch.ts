import { compareHeadOrder, type HeadOrder } from '../model/head.ts';

/**
 * Notices, in what the subscriber sees anyway, that the store no longer holds our newest head. Only a suspicion, for
 * hints and polls may be late: the publisher looks for itself before it acts.
 */
export class OwnHeadWatch {
  readonly #onDoubt: () => void;
  /** As it was shown last. Nothing of it is verified: one claim of a great number must not make all later ones old. */
  #newest: HeadOrder | undefined;

  constructor(onDoubt: () => void) {
    this.#onDoubt = onDoubt;
  }

  hinted(order: HeadOrder): void {
    if (this.#newest !== undefined && compareHeadOrder(order, this.#newest) < 0) this.#onDoubt();
    this.#newest = order;
  }

  /** `order`: undefined when the store lists no head of ours. */
  polled(order: HeadOrder | undefined): void {
    if (order !== undefined) this.hinted(order);
    else if (this.#newest !== undefined) this.#onDoubt();
  }

  /** The store was out of reach: anything may have happened to it. */
  doubt(): void {
    if (this.#newest !== undefined) this.#onDoubt();
  }
}
