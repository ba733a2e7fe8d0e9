import type { ChainRecord } from '../federation/model/records.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { ClusterIssuer } from '../trust/issuer.ts';
import { renewAtMs } from '../trust/issuer.ts';
import { PrivateKey } from '../trust/private-key.ts';

/**
 * The controller's own SVID (`/controller`): signs heads and answers the store's challenge. Key and certificate are made
 * in memory at every start and renewed at half life; they are never written anywhere.
 */
export interface SigningMaterial {
  readonly key: PrivateKey;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly record: ChainRecord;
  readonly notAfterMs: number;
}

export class SigningIdentity {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #issuer: ClusterIssuer;
  readonly #onRenewed: (material: SigningMaterial) => void;
  #current: SigningMaterial;
  #timer: Timer | undefined;

  constructor(
    components: { clock: Clock; random: Random; issuer: ClusterIssuer },
    init: { onRenewed: (material: SigningMaterial) => void },
  ) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#issuer = components.issuer;
    this.#onRenewed = init.onRenewed;
    this.#current = this.#make();
  }

  get current(): SigningMaterial {
    return this.#current;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #make(): SigningMaterial {
    const key = PrivateKey.generate();
    const issued = this.#issuer.issueController(key.publicKey, this.#clock.epochMs());
    const delayMs = Math.max(0, renewAtMs(issued, this.#random) - this.#clock.epochMs());
    this.#timer = this.#clock.after(delayMs, () => {
      this.#current = this.#make();
      this.#onRenewed(this.#current);
    });
    const certificates = issued.chain.map((der) => Buffer.from(der).toString('base64'));
    return { key, chain: issued.chain, record: { kind: 'chain', certificates }, notAfterMs: issued.notAfterMs };
  }
}
