import type { ChainRecord } from '../federation/model/records.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
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

/** Short against the 5 min by which certificates are back-dated. */
const LOOK_AGAIN_MS = 30_000;

export class SigningIdentity {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #random: Random;
  readonly #issuer: ClusterIssuer;
  readonly #onRenewed: (material: SigningMaterial) => void;
  #current: SigningMaterial;
  #timer: Timer | undefined;

  constructor(
    components: { clock: Clock; log: Logger; random: Random; issuer: ClusterIssuer },
    init: { onRenewed: (material: SigningMaterial) => void },
  ) {
    this.#clock = components.clock;
    this.#log = components.log;
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

  /** @throws IssuingError when the cluster's CA has ended */
  #make(): SigningMaterial {
    const key = PrivateKey.generate();
    const issuedAtMs = this.#clock.epochMs();
    const issued = this.#issuer.issueController(key.publicKey, issuedAtMs);
    this.#watch({ notBeforeMs: issued.notBeforeMs, renewAtMs: renewAtMs(issued, this.#random) });
    const certificates = issued.chain.map((der) => Buffer.from(der).toString('base64'));
    return { key, chain: issued.chain, record: { kind: 'chain', certificates }, notAfterMs: issued.notAfterMs };
  }

  /**
   * Certificates live by the wall clock, timers do not: a clock that was set, or a machine that slept, moves one against
   * the other. So the wall clock is asked again and again instead of one timer being set to the end.
   */
  #watch(due: { readonly notBeforeMs: number; readonly renewAtMs: number }): void {
    const nowMs = this.#clock.epochMs();
    const delayMs = Math.min(LOOK_AGAIN_MS, Math.max(0, due.renewAtMs - nowMs));
    this.#timer = this.#clock.after(delayMs, () => {
      const laterMs = this.#clock.epochMs();
      if (laterMs >= due.renewAtMs || laterMs < due.notBeforeMs) this.#renew();
      else this.#watch(due);
    });
  }

  #renew(): void {
    try {
      this.#current = this.#make();
    } catch (error) {
      this.#log.error('the own certificate cannot be renewed, will try again', { error: errorText(error) });
      this.#timer = this.#clock.after(LOOK_AGAIN_MS, () => this.#renew());
      return;
    }
    this.#onRenewed(this.#current);
  }
}
