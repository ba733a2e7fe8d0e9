import { gunzipSync, gzipSync } from 'node:zlib';

/** A roster of a thousand members is 4 MiB as JSON, more than an object may hold, and a seventh of that packed. */
export function pack(octets: Uint8Array): Uint8Array {
  return new Uint8Array(gzipSync(octets));
}

/** Undefined when it is not packed, or is more than `bytesMax` unpacked: a small object may hold a very large nothing. */
export function unpack(octets: Uint8Array, bytesMax: number): Uint8Array | undefined {
  try {
    return new Uint8Array(gunzipSync(octets, { maxOutputLength: bytesMax }));
  } catch {
    // Damaged or too large: the same to the caller, who names the entry.
    return undefined;
  }
}
