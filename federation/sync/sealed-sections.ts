import { hash } from 'node:crypto';

/**
 * The file format of last-good: named runs of octets behind one checksum, so that what comes back is exactly what was
 * verified, or nothing.
 *
 *     "isthmus-last-good-v1\n" || sha256(body) || body
 *     body    = u32be(number of sections) || sections
 *     section = u32be(length of name) || name (UTF-8) || u32be(length) || octets
 */
const MAGIC = new TextEncoder().encode('isthmus-last-good-v1\n');
const HASH_BYTES = 32;
const LENGTH_BYTES = 4;
const utf8Encoder = new TextEncoder();

export type Sections = Iterable<readonly [name: string, bytes: Uint8Array]>;

export function sealSections(sections: Sections): Uint8Array {
  const named = [...sections].map(([name, bytes]) => ({ name: utf8Encoder.encode(name), bytes }));
  const bodyBytes = named.reduce(
    (sum, { name, bytes }) => sum + 2 * LENGTH_BYTES + name.length + bytes.length,
    LENGTH_BYTES,
  );
  const sealed = new Uint8Array(MAGIC.length + HASH_BYTES + bodyBytes);
  const body = sealed.subarray(MAGIC.length + HASH_BYTES);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  view.setUint32(0, named.length);
  let offset = LENGTH_BYTES;
  for (const { name, bytes } of named) {
    for (const run of [name, bytes]) {
      view.setUint32(offset, run.length);
      body.set(run, offset + LENGTH_BYTES);
      offset += LENGTH_BYTES + run.length;
    }
  }
  sealed.set(MAGIC);
  sealed.set(hash('sha256', body, 'buffer'), MAGIC.length);
  return sealed;
}

/** Nothing when a single bit is not as it was written. In the order of writing; they share the memory of `sealed`. */
export function openSections(sealed: Uint8Array): readonly (readonly [string, Uint8Array])[] | undefined {
  const body = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length).subarray(MAGIC.length + HASH_BYTES);
  const checksum = sealed.subarray(MAGIC.length, MAGIC.length + HASH_BYTES);
  const isOurs = Buffer.compare(sealed.subarray(0, MAGIC.length), MAGIC) === 0 && body.length >= LENGTH_BYTES;
  if (!isOurs || Buffer.compare(hash('sha256', body, 'buffer'), checksum) !== 0) return undefined;
  const sections: [string, Uint8Array][] = [];
  let offset = LENGTH_BYTES;
  for (let count = body.readUInt32BE(0); count > 0; count--) {
    const nameEnd = offset + LENGTH_BYTES + body.readUInt32BE(offset);
    const end = nameEnd + LENGTH_BYTES + body.readUInt32BE(nameEnd);
    sections.push([body.toString('utf8', offset + LENGTH_BYTES, nameEnd), body.subarray(nameEnd + LENGTH_BYTES, end)]);
    offset = end;
  }
  return sections;
}
