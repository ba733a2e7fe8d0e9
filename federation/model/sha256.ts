import { hash } from 'node:crypto';

/** The one hash of the record formats (FIPS 180-4): record hashes, the digest, and the names of chain records. */
export const SHA256_BYTES = 32;

export function sha256(data: Uint8Array | string): Uint8Array {
  return new Uint8Array(hash('sha256', data, 'buffer'));
}

/** 64 lower-case hex digits. */
export function sha256Hex(data: Uint8Array | string): string {
  return hash('sha256', data, 'hex');
}
