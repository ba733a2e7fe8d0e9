import { hash } from 'node:crypto';

/** The one hash of the record formats (FIPS 180-4): record hashes, the digest, and the names of chain records. */
export const SHA256_BYTES = 32;

/** 64 lower-case hex digits. */
export function sha256Hex(data: Uint8Array | string): string {
  return hash('sha256', data, 'hex');
}

/** The 32 octets as a string of 32 characters, U+0000 to U+00FF: cheaper to make and to keep than a small buffer. */
export function sha256Text(data: Uint8Array | string): string {
  return hash('sha256', data, 'binary');
}
