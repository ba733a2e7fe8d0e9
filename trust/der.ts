import forge from 'node-forge';
import { IsthmusError } from '../runtime/errors.ts';

/**
 * The one door to node-forge, which is our codec for ASN.1 and nothing more: it has no ECDSA and a history of
 * verification bypasses, so keys, signatures and chains never pass through it.
 *
 * Reading is stricter than forge: a value counts only when writing it again gives the same octets. That refuses long
 * lengths, padded integers and whatever else lets two readers see different things in one certificate.
 */
const { asn1 } = forge;

/** Deep enough for name constraints in a certificate (7), far from the depth that makes recursion costly. */
const DEPTH_MAX = 12;

/** One value: identifier octet taken apart, and content as forge keeps it, an octet a character. */
export interface DerNode {
  readonly tagClass: number;
  readonly type: number;
  readonly constructed: boolean;
  readonly composed: boolean;
  readonly value: string | readonly DerNode[];
}

export class DerError extends IsthmusError {
  constructor(message: string, cause?: unknown) {
    super('invalid-der', message, { cause });
  }
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function octets(binary: string): Uint8Array {
  return new Uint8Array(Buffer.from(binary, 'latin1'));
}

function toBinary(node: DerNode): string {
  // The same shape; the declaration has enums for the two numbers and mutable arrays.
  return asn1.toDer(node as unknown as forge.asn1.Asn1).getBytes();
}

export function encodeDer(node: DerNode): Uint8Array {
  return octets(toBinary(node));
}

/** @throws DerError unless `bytes` is exactly one value in DER. */
export function decodeDer(bytes: Uint8Array): DerNode {
  const binary = latin1(bytes);
  let decoded: DerNode;
  try {
    // Without this, forge reads a BIT STRING that happens to hold ASN.1 (an ECDSA signature does) as a nested value.
    const options = { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth: DEPTH_MAX };
    // The type declaration knows only the old boolean form of the second parameter; the code takes options.
    decoded = asn1.fromDer(binary, options as unknown as boolean);
  } catch (cause) {
    throw new DerError('not a value in DER', cause);
  }
  if (toBinary(decoded) !== binary) throw new DerError('not in the one encoding that DER allows');
  return decoded;
}

/** The identifier octet: class, constructed bit and number. Numbers above 30 do not occur in certificates. */
export function tagOf(node: DerNode): number {
  return node.tagClass | (node.constructed ? 0x20 : 0) | node.type;
}

/** @throws DerError unless the node is constructed with that identifier octet. */
export function childrenOf(node: DerNode | undefined, tag: number): readonly DerNode[] {
  if (node === undefined || tagOf(node) !== tag || typeof node.value === 'string') {
    throw new DerError(`expected a value with tag 0x${tag.toString(16)}`);
  }
  return node.value;
}

/** @throws DerError unless the node is primitive with that identifier octet. */
export function contentOf(node: DerNode | undefined, tag: number): Uint8Array {
  if (node === undefined || tagOf(node) !== tag || typeof node.value !== 'string') {
    throw new DerError(`expected a value with tag 0x${tag.toString(16)}`);
  }
  return octets(node.value);
}

export function readOid(node: DerNode | undefined): string {
  const content = contentOf(node, TAG.oid);
  if (content.length === 0) throw new DerError('an object identifier is empty');
  return asn1.derToOid(latin1(content));
}

/** DER allows two octets only (X.690, section 11.1). */
export function readBoolean(node: DerNode | undefined): boolean {
  const content = contentOf(node, TAG.boolean);
  if (content.length !== 1 || (content[0] !== 0x00 && content[0] !== 0xff)) throw new DerError('not a boolean in DER');
  return content[0] === 0xff;
}

/** A non-negative INTEGER of at most four octets: path lengths and versions. */
export function readSmallInteger(node: DerNode | undefined): number {
  const content = contentOf(node, TAG.integer);
  const first = content[0];
  if (first === undefined || first >= 0x80 || content.length > 4) throw new DerError('an integer is out of range');
  return content.reduce((value, octet) => value * 256 + octet, 0);
}

function make(tag: number, value: string | readonly DerNode[]): DerNode {
  const isConstructed = (tag & 0x20) !== 0;
  return { tagClass: tag & 0xc0, type: tag & 0x1f, constructed: isConstructed, composed: isConstructed, value };
}

export function primitive(tag: number, content: Uint8Array): DerNode {
  return make(tag, latin1(content));
}

export function constructed(tag: number, ...children: readonly DerNode[]): DerNode {
  return make(tag, children);
}

export function sequence(...children: readonly DerNode[]): DerNode {
  return constructed(TAG.sequence, ...children);
}

export function oid(dotted: string): DerNode {
  return make(TAG.oid, asn1.oidToDer(dotted).getBytes());
}

export function boolean(value: boolean): DerNode {
  return make(TAG.boolean, value ? '\xff' : '\x00');
}

/** A non-negative INTEGER from its big-endian octets, minimal; a set top bit gets a zero before it, or it were negative. */
export function integer(bigEndian: Uint8Array): DerNode {
  const start = bigEndian.findIndex((octet) => octet !== 0);
  const significant = start === -1 ? Uint8Array.of(0) : bigEndian.subarray(start);
  return make(TAG.integer, (significant[0] ?? 0) >= 0x80 ? `\0${latin1(significant)}` : latin1(significant));
}

export function octetString(content: Uint8Array): DerNode {
  return primitive(TAG.octetString, content);
}

/** A BIT STRING of `content`, of whose last octet `unusedBits` do not count. */
export function bitString(content: Uint8Array, unusedBits = 0): DerNode {
  return make(TAG.bitString, String.fromCharCode(unusedBits) + latin1(content));
}

export function utf8String(text: string): DerNode {
  return primitive(TAG.utf8String, new TextEncoder().encode(text));
}

export function ia5String(text: string): DerNode {
  return make(TAG.ia5String, text);
}

/** RFC 5280, section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050; whole seconds, always Z. */
export function time(epochMs: number): DerNode {
  const digits = new Date(epochMs).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '');
  return digits < '2050' ? make(TAG.utcTime, `${digits.slice(2)}Z`) : make(TAG.generalizedTime, `${digits}Z`);
}
