import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../runtime/clock.ts';
import type { Random } from '../../../runtime/random.ts';

/** From challenge to login: one round trip, on a bad link. */
const NONCE_LIFETIME_MS = 30_000;
/** Used ones that are remembered: far more logins than a clusterset makes in `NONCE_LIFETIME_MS`. */
const USED_MAX = 20_000;
const SECRET_BYTES = 32;
const RANDOM_BYTES = 16;
const TIME_BYTES = 8;
const MAC_BYTES = 32;

/**
 * Nonces that cost no memory until they are used: each carries its time and a MAC of the server's. So a flood of
 * challenges displaces nobody's login. Only used ones are remembered, and using one takes a member's signature.
 */
export class Nonces {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #secret: Uint8Array;
  /** Nonce in hex -> when it may be forgotten. In the order of use. */
  readonly #used = new Map<string, number>();

  constructor(components: { clock: Clock; random: Random }) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#secret = components.random.bytes(SECRET_BYTES);
  }

  make(): Uint8Array {
    const time = Buffer.alloc(TIME_BYTES);
    time.writeDoubleBE(this.#clock.monotonicMs());
    const body = Buffer.concat([this.#random.bytes(RANDOM_BYTES), time]);
    return new Uint8Array(Buffer.concat([body, this.#macOf(body)]));
  }

  /** Made here, not long ago, and not used yet. */
  isFresh(nonce: Uint8Array): boolean {
    if (nonce.length !== RANDOM_BYTES + TIME_BYTES + MAC_BYTES) return false;
    const body = nonce.subarray(0, RANDOM_BYTES + TIME_BYTES);
    if (!timingSafeEqual(this.#macOf(body), nonce.subarray(body.length))) return false;
    const madeAtMs = Buffer.from(body).readDoubleBE(RANDOM_BYTES);
    if (this.#clock.monotonicMs() - madeAtMs > NONCE_LIFETIME_MS) return false;
    return !this.#used.has(hexOf(nonce));
  }

  /** False when it was used before, or when there is no room to remember it. */
  use(nonce: Uint8Array): boolean {
    if (!this.isFresh(nonce)) return false;
    const nowMs = this.#clock.monotonicMs();
    for (const [used, forgetAtMs] of this.#used) {
      if (forgetAtMs > nowMs) break;
      this.#used.delete(used);
    }
    if (this.#used.size >= USED_MAX) return false;
    this.#used.set(hexOf(nonce), nowMs + NONCE_LIFETIME_MS);
    return true;
  }

  #macOf(body: Uint8Array): Buffer {
    return createHmac('sha256', this.#secret).update(body).digest();
  }
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}
