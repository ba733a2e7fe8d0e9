import { IsthmusError } from '../../runtime/errors.ts';
import type { Resource } from '../snapshot.ts';

/**
 * DeltaDiscoveryResponse written and read without decoding what is inside: the snapshot's resources are already
 * encoded, so that a response for a thousand clusters is a copy of their bytes, and the agent can keep them unread.
 */
export class MalformedResponseError extends IsthmusError {
  constructor(why: string) {
    super('malformed-response', `not a delta discovery response: ${why}`);
  }
}

export interface DeltaResponse {
  readonly type: string;
  readonly nonce: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

/** Field numbers of envoy.service.discovery.v3.DeltaDiscoveryResponse, each with wire type 2 (length-delimited). */
const RESPONSE_TAG = { resources: (2 << 3) | 2, typeUrl: (4 << 3) | 2, nonce: (5 << 3) | 2, removed: (6 << 3) | 2 };
/** Field numbers of envoy.service.discovery.v3.Resource. */
const RESOURCE_TAG = { version: (1 << 3) | 2, name: (3 << 3) | 2 };

const LENGTH_BYTES_MAX = 5;
const TEXT = { encode: new TextEncoder(), decode: new TextDecoder('utf-8', { fatal: true }) };

export function encodeResponse(response: DeltaResponse): Buffer {
  const texts: { tag: number; bytes: Uint8Array }[] = [
    { tag: RESPONSE_TAG.typeUrl, bytes: TEXT.encode.encode(response.type) },
    { tag: RESPONSE_TAG.nonce, bytes: TEXT.encode.encode(response.nonce) },
    ...response.removed.map((name) => ({ tag: RESPONSE_TAG.removed, bytes: TEXT.encode.encode(name) })),
  ];
  let size = 0;
  for (const resource of response.resources) size += fieldSize(resource.encoded);
  for (const field of texts) size += fieldSize(field.bytes);
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (const resource of response.resources) at = writeField(out, at, RESPONSE_TAG.resources, resource.encoded);
  for (const field of texts) at = writeField(out, at, field.tag, field.bytes);
  return out;
}

/** Resources share the frame's memory. Fields that we do not use are skipped. */
export function decodeResponse(frame: Uint8Array): DeltaResponse {
  const resources: Resource[] = [];
  const removed: string[] = [];
  let type = '';
  let nonce = '';
  for (const field of fields(frame)) {
    if (field.tag === RESPONSE_TAG.resources) resources.push(decodeResource(field.bytes));
    else if (field.tag === RESPONSE_TAG.typeUrl) type = text(field.bytes);
    else if (field.tag === RESPONSE_TAG.nonce) nonce = text(field.bytes);
    else if (field.tag === RESPONSE_TAG.removed) removed.push(text(field.bytes));
  }
  return { type, nonce, resources, removed };
}

/** @param encoded a serialized envoy.service.discovery.v3.Resource */
export function decodeResource(encoded: Uint8Array): Resource {
  let name = '';
  let version = '';
  for (const field of fields(encoded)) {
    if (field.tag === RESOURCE_TAG.name) name = text(field.bytes);
    else if (field.tag === RESOURCE_TAG.version) version = text(field.bytes);
  }
  return { name, version, encoded };
}

function text(bytes: Uint8Array): string {
  try {
    return TEXT.decode.decode(bytes);
  } catch {
    throw new MalformedResponseError('a string is not UTF-8');
  }
}

function fieldSize(bytes: Uint8Array): number {
  let size = 2 + bytes.length;
  for (let rest = bytes.length; rest > 127; rest >>>= 7) size += 1;
  return size;
}

function writeField(out: Buffer, start: number, tag: number, bytes: Uint8Array): number {
  let at = start;
  out[at++] = tag;
  let rest = bytes.length;
  for (; rest > 127; rest >>>= 7) out[at++] = (rest & 127) | 128;
  out[at++] = rest;
  out.set(bytes, at);
  return at + bytes.length;
}

interface Field {
  readonly tag: number;
  /** Empty for numbers: none of the fields read here is one. */
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array();
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  while (at < message.length) {
    const tag = readVarint(message, at);
    at = tag.next;
    const wireType = tag.value & 7;
    if (wireType === 2) {
      const length = readVarint(message, at);
      const end = length.next + length.value;
      if (end > message.length) throw new MalformedResponseError('a field ends after the message');
      yield { tag: tag.value, bytes: message.subarray(length.next, end) };
      at = end;
    } else {
      const fixed = FIXED_BYTES[wireType];
      if (fixed === undefined && wireType !== 0) throw new MalformedResponseError(`wire type ${wireType}`);
      at = fixed === undefined ? skipVarint(message, at) : at + fixed;
      yield { tag: tag.value, bytes: NO_BYTES };
    }
  }
  if (at !== message.length) throw new MalformedResponseError('a field ends after the message');
}

function readVarint(message: Uint8Array, start: number): { value: number; next: number } {
  let value = 0;
  for (let read = 0; read < LENGTH_BYTES_MAX; read++) {
    const octet = message[start + read];
    if (octet === undefined) throw new MalformedResponseError('it is cut off');
    value += (octet & 127) * 2 ** (7 * read);
    if (octet < 128) return { value, next: start + read + 1 };
  }
  throw new MalformedResponseError('a length has more than 5 octets');
}

function skipVarint(message: Uint8Array, start: number): number {
  let at = start;
  while ((message[at] ?? 0) > 127) at += 1;
  return at + 1;
}
