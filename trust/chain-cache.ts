import { createHash } from 'node:crypto';
import { accepted } from './checked.ts';
import type { Checked } from './contract.ts';
import { BACK_DATE_MS } from './certificates.ts';
import { formatSpiffeId } from './spiffe.ts';
import type { VerifiedSvid, VerifySvidInput } from './verify.ts';
import { verifySvid } from './verify.ts';

/** Two signers (old and new) for each of 500 clusters. About 1 KiB an entry. */
const ENTRIES_MAX_DEFAULT = 1_000;

/**
 * Remembers chains that verified, so that every beat of a hundred clusters does not walk a hundred paths. The key is a
 * hash over everything the outcome depends on but the time, and the time is checked again on each hit: removing an
 * anchor or reaching the end of a certificate works at once. Refusals are not kept, so an attacker cannot fill it.
 */
export class ChainCache {
  readonly #entriesMax: number;
  /** In the order of use: a Map keeps insertion order, and a hit is inserted anew. */
  readonly #entries = new Map<string, VerifiedSvid>();

  constructor(init: { readonly entriesMax?: number } = {}) {
    this.#entriesMax = init.entriesMax ?? ENTRIES_MAX_DEFAULT;
  }

  get size(): number {
    return this.#entries.size;
  }

  verify(input: VerifySvidInput): Checked<VerifiedSvid> {
    const key = keyOf(input);
    const known = this.#entries.get(key);
    this.#entries.delete(key);
    if (known !== undefined && input.atMs <= known.notAfterMs && input.atMs + BACK_DATE_MS >= known.notBeforeMs) {
      this.#entries.set(key, known);
      return accepted(known);
    }
    const verified = verifySvid(input);
    if (verified.ok) this.#keep(key, verified.value);
    return verified;
  }

  #keep(key: string, svid: VerifiedSvid): void {
    this.#entries.set(key, svid);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > this.#entriesMax && oldest.done !== true) this.#entries.delete(oldest.value);
  }
}

/** The hash of lists that are handed in again as the same objects: a beat of a known signer hashes nothing. */
const hashOf = new WeakMap<readonly Uint8Array[], string>();

function keyOf({ chain, anchors, expected }: VerifySvidInput): string {
  const name = 'path' in expected ? formatSpiffeId(expected) : `any ${expected.trustDomain}`;
  return `${hashOfList(chain)} ${hashOfList(anchors)} ${name}`;
}

function hashOfList(list: readonly Uint8Array[]): string {
  const known = hashOf.get(list);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for (const der of list) hash.update(`${der.length}:`).update(der);
  const digest = hash.digest('base64');
  hashOf.set(list, digest);
  return digest;
}
