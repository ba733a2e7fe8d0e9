import { type KeptObject, KeptContendedError } from '../../kubernetes/keep/kept-object.ts';
import type { RequestKeep } from '../enrol/join.ts';

const PREFIX = 'join-';

/** Requests under way beside the key that they are for: the next pod goes on with the same one. */
export class SecretRequests implements RequestKeep {
  readonly #secret: KeptObject;

  constructor(components: { readonly secret: KeptObject }) {
    this.#secret = components.secret;
  }

  async load(tokenId: string): Promise<Uint8Array | undefined> {
    return (await this.#secret.read())?.get(entryOf(tokenId));
  }

  /** Those of other tokens have led nowhere and go. */
  async save(tokenId: string, request: Uint8Array): Promise<void> {
    await this.#secret.change((data) => {
      // Another replica was faster: the caller begins anew and finds it.
      if (data?.has(entryOf(tokenId)) === true) throw new KeptContendedError(this.#secret.what);
      return new Map(withoutRequests(data)).set(entryOf(tokenId), request);
    });
  }
}

export function withoutRequests(data: ReadonlyMap<string, Uint8Array> | undefined): ReadonlyMap<string, Uint8Array> {
  return new Map([...(data ?? [])].filter(([key]) => !key.startsWith(PREFIX)));
}

function entryOf(tokenId: string): string {
  return `${PREFIX}${tokenId}.json`;
}
