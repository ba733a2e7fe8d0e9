import { createHash } from 'node:crypto';
import type { DerNode } from './der.ts';
import {
  bitString,
  childrenOf,
  constructed,
  contentOf,
  decodeDer,
  encodeDer,
  ia5String,
  integer,
  oid,
  sequence,
  TAG,
  time,
  utf8String,
} from './der.ts';
import type { Extension } from './extensions.ts';
import { encodeExtension, OID } from './extensions.ts';
import type { PrivateKey } from './private-key.ts';

/**
 * Puts a certificate together (RFC 5280, section 4.1) from decisions that were made elsewhere. The signature comes
 * from node:crypto. Profiles are in `certificates.ts`; this file would also write a certificate that nobody should
 * accept, which is what the verifier's tests need.
 */
export interface CertificateFields {
  /** Octets of the serial number; a positive integer of at most 20 octets (RFC 5280, section 4.1.2.2). */
  readonly serial: Uint8Array;
  /** Name in DER. */
  readonly issuer: Uint8Array;
  /** Name in DER; `EMPTY_NAME` for a leaf. */
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SPKI in DER. */
  readonly publicKey: Uint8Array;
  readonly extensions: readonly Extension[];
}

const VERSION_3 = Uint8Array.of(2);
const EXPLICIT_VERSION = 0xa0;
const EXPLICIT_EXTENSIONS = 0xa3;
export const EMPTY_NAME = encodeDer(sequence());

function signatureAlgorithm(): DerNode {
  // ECDSA algorithm identifiers have no parameters field (RFC 5758, section 3.2).
  return sequence(oid(OID.ecdsaWithSha256));
}

export function buildCertificate(issuerKey: PrivateKey, fields: CertificateFields): Uint8Array {
  const toBeSigned = sequence(
    constructed(EXPLICIT_VERSION, integer(VERSION_3)),
    integer(fields.serial),
    signatureAlgorithm(),
    decodeDer(fields.issuer),
    sequence(time(fields.notBeforeMs), time(fields.notAfterMs)),
    decodeDer(fields.subject),
    decodeDer(fields.publicKey),
    constructed(EXPLICIT_EXTENSIONS, sequence(...fields.extensions.map(encodeExtension))),
  );
  const signature = issuerKey.signDer(encodeDer(toBeSigned));
  return encodeDer(sequence(toBeSigned, signatureAlgorithm(), bitString(signature)));
}

/**
 * A subject made of the domain's labels as domain components (RFC 2247) and a common name. Common names end at 64
 * characters, domains do not.
 */
export function distinguishedName(domain: string, commonName: string): Uint8Array {
  const components = domain
    .split('.')
    .toReversed()
    .map((label) => attribute(OID.domainComponent, ia5String(label)));
  return encodeDer(sequence(...components, attribute(OID.commonName, utf8String(commonName))));
}

function attribute(type: string, value: DerNode): DerNode {
  return constructed(TAG.set, sequence(oid(type), value));
}

/** The first 160 bits of the SHA-256 of the subjectPublicKey bits (RFC 7093, section 2, method 1). */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  const bits = contentOf(childrenOf(decodeDer(spki), TAG.sequence)[1], TAG.bitString).subarray(1);
  return new Uint8Array(createHash('sha256').update(bits).digest().subarray(0, 20));
}
