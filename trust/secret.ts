import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

/** Octets that prove a right: like a private key they have no printable form, and are compared in constant time. */
const REDACTED = '[redacted]';
/** 256 bits. */
export const SECRET_BYTES = 32;

export class Secret {
  readonly #octets: Uint8Array;

  constructor(octets: Uint8Array) {
    this.#octets = Uint8Array.from(octets);
  }

  /** For the token's text and the journal alone. */
  reveal(): Uint8Array {
    return Uint8Array.from(this.#octets);
  }

  /** HMAC-SHA256 (RFC 2104) over `data` under this secret. */
  authenticate(data: Uint8Array): Uint8Array {
    return new Uint8Array(createHmac('sha256', this.#octets).update(data).digest());
  }

  isAuthentic(data: Uint8Array, code: Uint8Array): boolean {
    const expected = this.authenticate(data);
    return code.length === expected.length && timingSafeEqual(code, expected);
  }

  /** What may be handed to somebody who must recognise the secret but not know it. */
  sha256(): Uint8Array {
    return new Uint8Array(createHash('sha256').update(this.#octets).digest());
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
