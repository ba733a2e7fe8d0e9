import { JoinRefusedError, type JoinBoard, type JoinRequest } from '../federation/store/contract.ts';
import type { ListedStore } from '../federation/store/several.ts';
import { BULK_TIMEOUT_MS, COMMAND_TIMEOUT_MS, withDeadline } from '../federation/sync/deadline.ts';
import type { Clock } from '../runtime/clock.ts';

/**
 * The join board of one store, as the authority sees it. An offer that the store could not take is kept and made again
 * when it answers: a token must work at each store that a joiner may be sent to.
 */
export type Offer = Parameters<JoinBoard['offer']>[0];

export class OfferedBoard {
  readonly listed: ListedStore;
  readonly #clock: Clock;
  readonly #owed = new Map<string, Offer>();

  constructor(components: { readonly clock: Clock }, listed: ListedStore) {
    this.#clock = components.clock;
    this.listed = listed;
  }

  async offer(offer: Offer): Promise<void> {
    this.#owed.set(offer.tokenId, offer);
    await this.#call('offer', this.listed.store.join.offer(offer));
    this.#owed.delete(offer.tokenId);
  }

  /** Requests without an answer; makes up for owed offers first. */
  async pending(): Promise<readonly JoinRequest[]> {
    for (const offer of [...this.#owed.values()]) await this.#makeUp(offer);
    return await this.#call('pending', this.listed.store.join.pending());
  }

  async answer(answer: JoinRequest): Promise<void> {
    await this.#call('answer', this.listed.store.join.answer(answer), BULK_TIMEOUT_MS);
  }

  async #makeUp(offer: Offer): Promise<void> {
    try {
      if (offer.expiresAtMs > this.#clock.epochMs()) await this.offer(offer);
    } catch (error) {
      // Another offer stands there under this token: repeating ours changes nothing.
      if (!(error instanceof JoinRefusedError)) throw error;
    }
    this.#owed.delete(offer.tokenId);
  }

  #call<T>(what: string, work: Promise<T>, timeoutMs = COMMAND_TIMEOUT_MS): Promise<T> {
    return withDeadline(work, { clock: this.#clock, timeoutMs, what });
  }
}
