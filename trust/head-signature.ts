import type { ClusterId } from '../federation/model/ids.ts';
import type { ChainCache } from './chain-cache.ts';
import { accepted, refused } from './checked.ts';
import type { Checked } from './contract.ts';
import type { PrivateKey } from './private-key.ts';
import { verifySignature } from './private-key.ts';
import { controllerId } from './spiffe.ts';
import { verifySvid } from './verify.ts';

/**
 * The signature that makes an untrusted store harmless. Signed are the exact stored octets, behind a prefix that no
 * other signature of ours shares, so that none can be presented as another.
 */
const PREFIX = new TextEncoder().encode('isthmus-head-v1\n');

export interface VerifyHeadInput {
  readonly cluster: ClusterId;
  readonly clustersetDomain: string;
  /** As stored. */
  readonly headBytes: Uint8Array;
  readonly signature: Uint8Array;
  /** The signer's chain, DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** The CA certificates that the roster names for this cluster, DER. */
  readonly anchors: readonly Uint8Array[];
  readonly atMs: number;
  /** With it, a beat by a known signer costs one ECDSA verification instead of a whole path. */
  readonly cache?: ChainCache | undefined;
}

/** @returns raw 64 octets (ECDSA P-256 with SHA-256) over the prefix and `headBytes`. */
export function signHead(key: PrivateKey, headBytes: Uint8Array): Uint8Array {
  return key.sign(Buffer.concat([PREFIX, headBytes]));
}

export function verifyHead(input: VerifyHeadInput): Checked<true> {
  const { chain, anchors, atMs, cache } = input;
  const expected = controllerId(input.cluster, input.clustersetDomain);
  const path = { chain, anchors, atMs, expected };
  const signer = cache === undefined ? verifySvid(path) : cache.verify(path);
  if (!signer.ok) return signer;
  return verifySignature(signer.value.publicKey, Buffer.concat([PREFIX, input.headBytes]), input.signature)
    ? accepted(true)
    : refused('HeadSignature', `the head is not signed by the controller of ${input.cluster}`);
}

export { ChainCache } from './chain-cache.ts';
