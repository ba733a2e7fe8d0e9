import type { DerNode } from './der.ts';
import {
  bitString,
  boolean,
  childrenOf,
  contentOf,
  DerError,
  decodeDer,
  encodeDer,
  integer,
  octetString,
  oid,
  primitive,
  readBoolean,
  readOid,
  readSmallInteger,
  sequence,
  TAG,
  tagOf,
} from './der.ts';

/**
 * The certificate extensions that decide something here (RFC 5280, section 4.2.1), written and read in one place.
 * What node:crypto does not expose (path length, key usage bits, types of alternative names) is read from our DER.
 */
export const OID = {
  ecPublicKey: '1.2.840.10045.2.1',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  commonName: '2.5.4.3',
  domainComponent: '0.9.2342.19200300.100.1.25',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** GeneralName alternatives (RFC 5280, section 4.2.1.6) as identifier octets. */
export const GENERAL_NAME = { dns: 0x82, uri: 0x86, ip: 0x87 } as const;

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface GeneralName {
  /** Identifier octet, one of `GENERAL_NAME` or a kind that this code has no use for. */
  readonly kind: number;
  /** The octets, one character each: an IA5String is ASCII, and what is not fails every later comparison. */
  readonly text: string;
}

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLen?: number | undefined;
}

/** Bits in the order of RFC 5280, section 4.2.1.3. */
const KEY_USAGE_BITS = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGE_BITS)[number];

function extension(identifier: string, critical: boolean, value: DerNode): Extension {
  return { oid: identifier, critical, value: encodeDer(value) };
}

export function encodeExtension(item: Extension): DerNode {
  const value = octetString(item.value);
  return item.critical ? sequence(oid(item.oid), boolean(true), value) : sequence(oid(item.oid), value);
}

export function decodeExtension(node: DerNode): Extension {
  const fields = childrenOf(node, TAG.sequence);
  const marked = fields.length === 3;
  if (!marked && fields.length !== 2) throw new DerError('an extension has a wrong number of fields');
  const critical = marked && readBoolean(fields[1]);
  // DER leaves a default out, so an explicit FALSE is not DER.
  if (marked && !critical) throw new DerError('an extension spells out its default');
  return { oid: readOid(fields[0]), critical, value: contentOf(fields.at(-1), TAG.octetString) };
}

export function basicConstraints({ ca, pathLen }: BasicConstraints): Extension {
  const fields = ca ? [boolean(true)] : [];
  if (pathLen !== undefined) fields.push(integer(Uint8Array.of(pathLen)));
  return extension(OID.basicConstraints, true, sequence(...fields));
}

export function readBasicConstraints(value: Uint8Array): BasicConstraints {
  const fields = [...childrenOf(decodeDer(value), TAG.sequence)];
  const ca = fields[0] !== undefined && tagOf(fields[0]) === TAG.boolean && readBoolean(fields.shift());
  const pathLen = fields.length > 0 ? readSmallInteger(fields.shift()) : undefined;
  if (fields.length > 0) throw new DerError('basic constraints have unknown fields');
  return { ca, pathLen };
}

export function keyUsage(...usages: readonly KeyUsage[]): Extension {
  const bits = usages.map((usage) => KEY_USAGE_BITS.indexOf(usage));
  const octets = new Uint8Array(Math.floor(Math.max(...bits) / 8) + 1);
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  // A named bit list in DER ends with its last set bit (X.690, section 11.2.2).
  return extension(OID.keyUsage, true, bitString(octets, 7 - (Math.max(...bits) & 7)));
}

export function readKeyUsage(value: Uint8Array): ReadonlySet<KeyUsage> {
  const [, ...octets] = contentOf(decodeDer(value), TAG.bitString);
  return new Set(KEY_USAGE_BITS.filter((_, bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0));
}

export function extendedKeyUsage(...purposes: readonly string[]): Extension {
  return extension(OID.extendedKeyUsage, false, sequence(...purposes.map(oid)));
}

export function readExtendedKeyUsage(value: Uint8Array): readonly string[] {
  return childrenOf(decodeDer(value), TAG.sequence).map(readOid);
}

/** Critical: our leaves have an empty subject, and then RFC 5280 (section 4.2.1.6) demands it. */
export function subjectAltName(...names: readonly GeneralName[]): Extension {
  const nodes = names.map((name) => primitive(name.kind, Buffer.from(name.text, 'latin1')));
  return extension(OID.subjectAltName, true, sequence(...nodes));
}

export function readSubjectAltName(value: Uint8Array): readonly GeneralName[] {
  return childrenOf(decodeDer(value), TAG.sequence).map((node) => {
    const kind = tagOf(node);
    // Directory and other names are constructed; only that they are there matters.
    const text = typeof node.value === 'string' ? node.value : '';
    return { kind, text };
  });
}

export function subjectKeyIdentifier(identifier: Uint8Array): Extension {
  return extension(OID.subjectKeyIdentifier, false, octetString(identifier));
}

export function authorityKeyIdentifier(identifier: Uint8Array): Extension {
  return extension(OID.authorityKeyIdentifier, false, sequence(primitive(0x80, identifier)));
}
