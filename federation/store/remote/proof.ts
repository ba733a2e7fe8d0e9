import { createHash } from 'node:crypto';

/**
 * What a member signs to log in. It names the server's key, so that a server cannot pass a member's login on to
 * another server, and the server's nonce, so that a login cannot be replayed.
 */
const PREFIX = new TextEncoder().encode('isthmus-store-login-v1\n');

export function loginMessage(serverPin: string, nonce: Uint8Array): Uint8Array {
  return Buffer.concat([PREFIX, Buffer.from(serverPin, 'hex'), nonce]);
}

/** Hex sha256 of a key's SPKI in DER: what addresses pin. */
export function pinOf(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex');
}
