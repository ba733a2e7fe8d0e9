import { Backoff, type BackoffLimits } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { GaugeHandle, Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import { PrivateKey } from '../../trust/private-key.ts';

/**
 * Keeps the gateway's leaf certificate fresh: a new key for every certificate, made here and never written anywhere;
 * the controller signs it; renewed when the controller says so, long before it ends.
 */
export interface SignedLeaf {
  /** PEM, leaf first, then the cluster CA. */
  readonly chainPem: string;
  readonly notAfterMs: number;
  readonly renewAtMs: number;
}

export interface LeafKeeperComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
  readonly metrics: Metrics;
  /** `proof` is a signature by the key over `LEAF_PROOF_PREFIX` and the public key. */
  readonly sign: (request: { publicKey: Uint8Array; proof: Uint8Array }) => Promise<SignedLeaf>;
  readonly deliver: (own: { readonly key: PrivateKey; readonly chainPem: string }) => void;
}

/** Domain separation: what a leaf key signs here can be taken for nothing else. */
export const LEAF_PROOF_PREFIX = 'isthmus-leaf-v1\n';

const RETRY: BackoffLimits = { initialMs: 100, maxMs: 2_000 };
/** A step of the wall clock is noticed within this time. */
const CLOCK_CHECK_MS = 60_000;
/** A controller that asks for renewals without a pause must not keep both busy. */
const RENEWAL_PAUSE_MIN_MS = 250;

export class LeafKeeper {
  readonly #components: LeafKeeperComponents;
  readonly #backoff: Backoff;
  readonly #expiry: GaugeHandle;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(components: LeafKeeperComponents) {
    this.#components = components;
    this.#backoff = new Backoff({ random: components.random }, RETRY);
    this.#expiry = components.metrics.gauge(
      'isthmus_leaf_expiry_timestamp_seconds',
      'When the certificate that Envoy uses ends, in seconds since 1970.',
    );
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#components;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const renewAtMs = await this.#renew();
        this.#backoff.reset();
        await this.#until(renewAtMs);
      } catch (error) {
        if (signal.aborted) return;
        if (this.#backoff.failures === 0) log.warn('no certificate from the controller', { reason: errorText(error) });
        await clock.sleep(this.#backoff.nextMs(), signal).catch(() => undefined); // only stop() aborts it
      }
    }
  }

  async #renew(): Promise<number> {
    const { sign, deliver, log } = this.#components;
    const key = PrivateKey.generate();
    const prefix = new TextEncoder().encode(LEAF_PROOF_PREFIX);
    const proof = key.sign(Buffer.concat([prefix, key.publicKey]));
    const leaf = await sign({ publicKey: key.publicKey, proof });
    if (this.#stopped.signal.aborted) return leaf.renewAtMs;
    deliver({ key, chainPem: leaf.chainPem });
    this.#expiry.set(leaf.notAfterMs / 1000);
    log.info('certificate renewed', { notAfterMs: leaf.notAfterMs, renewAtMs: leaf.renewAtMs });
    return leaf.renewAtMs;
  }

  async #until(epochMs: number): Promise<void> {
    const { clock } = this.#components;
    let leftMs = Math.max(epochMs - clock.epochMs(), RENEWAL_PAUSE_MIN_MS);
    while (leftMs > 0) {
      await clock.sleep(Math.min(leftMs, CLOCK_CHECK_MS), this.#stopped.signal);
      leftMs = epochMs - clock.epochMs();
    }
  }
}
