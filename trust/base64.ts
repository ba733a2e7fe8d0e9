/**
 * Base64 that has one text for the same octets. `Buffer.from` skips what it does not know and ignores loose bits at the
 * end, so that a changed text could decode to the same octets; here such a text is refused.
 */
export function encodeBase64(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('base64');
}

/** Undefined unless `text` is what `encodeBase64` writes. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const octets = Buffer.from(text, 'base64');
  return octets.toString('base64') === text ? new Uint8Array(octets) : undefined;
}

export function encodeBase64Url(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('base64url');
}

/** Undefined unless `text` is what `encodeBase64Url` writes: no padding, no loose bits. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  const octets = Buffer.from(text, 'base64url');
  return octets.toString('base64url') === text ? new Uint8Array(octets) : undefined;
}
