/**
 * What one stream is subscribed to for one resource type. The odd rules come from the xDS protocol text ("How the
 * client specifies what resources to return", "Unsubscribing from resources"); each is told where it is applied.
 */
export const WILDCARD = '*';

export interface SubscriptionRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
}

export interface SubscriptionChange {
  /** Every one must be answered, even when the client has it: it may have forgotten it without telling. */
  readonly asked: readonly string[];
  /** The client has dropped these and wants to hear no more of them. */
  readonly dropped: readonly string[];
  readonly becameWildcard: boolean;
}

export class Subscription {
  #started = false;
  #wildcard = false;
  readonly #names = new Set<string>();

  get wildcard(): boolean {
    return this.#wildcard;
  }

  /** Names asked for explicitly, whether or not the wildcard covers them too. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  covers(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  update(request: SubscriptionRequest): SubscriptionChange {
    const wasWildcard = this.#wildcard;
    // "Legacy wildcard": a type whose first request on the stream names nothing means everything. It stays so when
    // names are added later, until `*` itself is unsubscribed; an empty later request is no subscription at all.
    if (!this.#started && request.subscribe.length === 0) this.#wildcard = true;
    this.#started = true;

    const asked = new Set<string>();
    for (const name of request.subscribe) {
      if (name === WILDCARD) {
        this.#wildcard = true;
        continue;
      }
      this.#names.add(name);
      // "However, the server must still provide those resources in the response", although it believes the client
      // has them: an unsubscribe and a new subscribe may have cancelled out before they were sent.
      asked.add(name);
    }

    const dropped: string[] = [];
    for (const name of request.unsubscribe) {
      if (name === WILDCARD) {
        this.#wildcard = false;
        continue;
      }
      if (!this.#names.delete(name)) continue;
      asked.delete(name);
      // Under a wildcard the client cannot know whether the name still belongs to it, so the server must say: the
      // resource again, or its removal.
      if (this.#wildcard) asked.add(name);
      else dropped.push(name);
    }
    return { asked: [...asked], dropped, becameWildcard: this.#wildcard && !wasWildcard };
  }
}
