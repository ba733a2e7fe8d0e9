import type { ClusterId } from '../federation/model/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Issuer } from './certificates.ts';
import { BACK_DATE_MS, LEAF_LIFETIME_MS_MAX, readIssuer, SERIAL_BYTES, signLeaf } from './certificates.ts';
import type { PrivateKey } from './private-key.ts';
import type { SpiffeId } from './spiffe.ts';
import { controllerId, gatewayId } from './spiffe.ts';

/** A cluster's own CA at work: it signs the controller's and the gateways' leaves, and nothing outside its trust domain. */
export interface ClusterIssuerComponents {
  /** The cluster's CA key. */
  readonly key: PrivateKey;
  /** Its certificate, DER. */
  readonly certificate: Uint8Array;
  readonly random: Random;
}

export interface ClusterIssuerInit {
  readonly cluster: ClusterId;
  readonly clustersetDomain: string;
  /** Default and most: 24 hours. Seconds are enough for the demo, which rotates under load. */
  readonly leafLifetimeMs?: number | undefined;
}

export interface IssuedSvid {
  /** DER, leaf first, then the cluster's CA. */
  readonly chain: readonly [Uint8Array, Uint8Array];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Half of life, give or take a twentieth, so that gateways that started together do not all come back together. */
const RENEW_AT_FRACTION = 0.5;
const RENEW_JITTER_FRACTION = 0.05;

export class ClusterIssuer {
  readonly #issuer: Issuer;
  readonly #certificate: Uint8Array;
  readonly #random: Random;
  readonly #init: ClusterIssuerInit;

  /** @throws IssuingError when key and certificate do not belong together. */
  constructor({ key, certificate, random }: ClusterIssuerComponents, init: ClusterIssuerInit) {
    this.#issuer = readIssuer(key, certificate);
    this.#certificate = certificate;
    this.#random = random;
    this.#init = init;
  }

  /** When the CA itself ends: no leaf lives longer. */
  get notAfterMs(): number {
    return this.#issuer.notAfterMs;
  }

  issueController(publicKey: Uint8Array, nowMs: number): IssuedSvid {
    return this.#issue(controllerId(this.#init.cluster, this.#init.clustersetDomain), publicKey, nowMs);
  }

  /** `set` names the gateway set, a DNS label. The caller has authenticated that the asker is of that set. */
  issueGateway(set: string, publicKey: Uint8Array, nowMs: number): IssuedSvid {
    return this.#issue(gatewayId(this.#init.cluster, this.#init.clustersetDomain, set), publicKey, nowMs);
  }

  #issue(id: SpiffeId, publicKey: Uint8Array, nowMs: number): IssuedSvid {
    const lifetimeMs = this.#init.leafLifetimeMs ?? LEAF_LIFETIME_MS_MAX;
    const serial = this.#random.bytes(SERIAL_BYTES);
    const leaf = signLeaf(this.#issuer, { id, publicKey, nowMs, lifetimeMs, serial });
    const { notBeforeMs, notAfterMs } = leaf;
    return { chain: [leaf.certificate, this.#certificate], notBeforeMs, notAfterMs };
  }
}

/**
 * When to renew a leaf of ours. Life is counted from its issue, not from the back-dated start: with a life of a minute,
 * half of the whole span would lie in the past.
 */
export function renewAtMs(leaf: { readonly notBeforeMs: number; readonly notAfterMs: number }, random: Random): number {
  const issuedAtMs = leaf.notBeforeMs + BACK_DATE_MS;
  const jitter = (2 * random.fraction() - 1) * RENEW_JITTER_FRACTION;
  return Math.round(issuedAtMs + (leaf.notAfterMs - issuedAtMs) * (RENEW_AT_FRACTION + jitter));
}
