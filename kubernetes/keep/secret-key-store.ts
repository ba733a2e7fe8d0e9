import type { KeyStore } from '../../trust/key-store.ts';
import { checkKeyName } from '../../trust/key-store.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { ForeignContentError, type KeptData, type KeptObject, octetsOf, utf8, withKey } from './kept-object.ts';

/** Long-lived keys as entries `NAME.pem` of one Secret, beside what else is in it. */
export class SecretKeyStore implements KeyStore {
  readonly #secret: KeptObject;

  constructor(components: { readonly secret: KeptObject }) {
    this.#secret = components.secret;
  }

  async load(name: string): Promise<PrivateKey | undefined> {
    checkKeyName(name);
    return readKey(await this.#secret.read(), name, this.#secret.what);
  }

  /** What is there and is no key is not replaced: it may be the damaged only copy of one. */
  async save(name: string, key: PrivateKey): Promise<void> {
    checkKeyName(name);
    await this.#secret.change((data) => {
      readKey(data, name, this.#secret.what);
      return withKey(data, entryOf(name), octetsOf(key.revealPem()));
    });
  }

  /** The key that is there; else `made` becomes it. Of several processes that do so at once all get the same one. */
  async loadOrSave(name: string, made: () => PrivateKey): Promise<PrivateKey> {
    checkKeyName(name);
    const candidate = made();
    let kept = candidate;
    await this.#secret.change((data) => {
      const there = readKey(data, name, this.#secret.what);
      kept = there ?? candidate;
      return there === undefined ? withKey(data, entryOf(name), octetsOf(candidate.revealPem())) : undefined;
    });
    return kept;
  }
}

/** @throws ForeignContentError when what is there is no key of ours */
export function readKey(data: KeptData | undefined, name: string, what: string): PrivateKey | undefined {
  const octets = data?.get(entryOf(name));
  if (octets === undefined) return undefined;
  try {
    return PrivateKey.fromPem(utf8(octets));
  } catch {
    // Without the cause: what the parser says of it is of no use, and must never quote it.
    throw new ForeignContentError(what, entryOf(name), 'is not an ECDSA P-256 private key in PEM');
  }
}

export function entryOf(name: string): string {
  return `${name}.pem`;
}
