import { hash, type KeyObject, X509Certificate } from 'node:crypto';
import { errorText } from '../runtime/errors.ts';
import { accepted, refused } from './checked.ts';
import type { Checked } from './contract.ts';
import type { DerNode } from './der.ts';
import { childrenOf, contentOf, DerError, decodeDer, encodeDer, readOid, TAG, tagOf } from './der.ts';
import type { BasicConstraints, Extension, GeneralName, KeyUsage } from './extensions.ts';
import {
  decodeExtension,
  OID,
  readBasicConstraints,
  readExtendedKeyUsage,
  readKeyUsage,
  readSubjectAltName,
} from './extensions.ts';
import type { NameConstraints } from './name-constraints.ts';
import { readNameConstraints } from './name-constraints.ts';

/**
 * A foreign certificate as a value. OpenSSL (through node:crypto) reads key, times and signature; our DER reader adds
 * the extensions it does not expose. Both must agree that the octets are a certificate.
 */
export interface Certificate {
  readonly der: Uint8Array;
  readonly x509: X509Certificate;
  /** Names in DER: compared octet by octet, never as text. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly key: KeyObject;
  /** SPKI in DER. */
  readonly publicKey: Uint8Array;
  readonly basicConstraints: BasicConstraints;
  readonly keyUsage: ReadonlySet<KeyUsage>;
  /** Absent: any purpose. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly names: readonly GeneralName[];
  readonly nameConstraints: NameConstraints | undefined;
  readonly extensions: readonly Extension[];
}

/** Ours are below 800 octets; those of other issuers that carry policies and URLs stay below 3 KiB. */
export const CERTIFICATE_BYTES_MAX = 8 * 1024;
/** More extensions than any issuer writes. */
const EXTENSIONS_MAX = 32;
/** NIST P-256 and P-384: what Envoy, Go and OpenSSL all verify by default. RSA would be slow, and its history is long. */
const CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1']);
const SIGNATURE_ALGORITHMS: ReadonlySet<string> = new Set([OID.ecdsaWithSha256, OID.ecdsaWithSha384]);
const UNDERSTOOD: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.subjectAltName,
  OID.nameConstraints,
]);
const EXPLICIT_VERSION = 0xa0;
const EXPLICIT_EXTENSIONS = 0xa3;

/** A roster and the chains of its members name the same few certificates again and again: each is read once. */
const CERTIFICATES_KEPT_MAX = 1_024;
/** By hash of the octets, in the order of use. Refusals are not kept, so an attacker cannot fill it with them. */
const kept = new Map<string, Certificate>();

export function readCertificate(der: Uint8Array): Checked<Certificate> {
  const name = hash('sha256', der, 'base64');
  const known = kept.get(name);
  if (known !== undefined) {
    kept.delete(name);
    kept.set(name, known);
    return accepted(known);
  }
  // A copy: whoever owns these octets may write over them.
  const read = parseCertificate(Uint8Array.from(der));
  if (read.ok) kept.set(name, read.value);
  const oldest = kept.keys().next();
  if (kept.size > CERTIFICATES_KEPT_MAX && oldest.done !== true) kept.delete(oldest.value);
  return read;
}

function parseCertificate(der: Uint8Array): Checked<Certificate> {
  if (der.length > CERTIFICATE_BYTES_MAX) {
    return refused('CertificateTooLarge', `a certificate has ${der.length} octets, more than ${CERTIFICATE_BYTES_MAX}`);
  }
  try {
    const fields = readFields(der);
    const x509 = new X509Certificate(der);
    const unknown = fields.extensions.find((item) => item.critical && !UNDERSTOOD.has(item.oid));
    if (unknown !== undefined) {
      return refused('CriticalExtensionUnknown', `a certificate has the unknown critical extension ${unknown.oid}`);
    }
    const key = x509.publicKey;
    if (!CURVES.has(key.asymmetricKeyDetails?.namedCurve) || !SIGNATURE_ALGORITHMS.has(fields.signatureAlgorithm)) {
      return refused('KeyTypeRefused', 'a certificate is not ECDSA on P-256 or P-384 with SHA-2');
    }
    return accepted({
      der,
      x509,
      issuer: fields.issuer,
      subject: fields.subject,
      notBeforeMs: x509.validFromDate.getTime(),
      notAfterMs: x509.validToDate.getTime(),
      key,
      publicKey: fields.publicKey,
      extensions: fields.extensions,
      ...readMeaning(fields.extensions),
    });
  } catch (error) {
    return refused('CertificateInvalid', `a certificate cannot be read: ${errorText(error)}`);
  }
}

interface Fields {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly signatureAlgorithm: string;
  readonly extensions: readonly Extension[];
}

function readFields(der: Uint8Array): Fields {
  const [toBeSigned, algorithm, signature, ...surplus] = childrenOf(decodeDer(der), TAG.sequence);
  if (surplus.length > 0) throw new DerError('it has more than three fields');
  contentOf(signature, TAG.bitString);
  const [version, serial, , issuer, , subject, publicKey, ...rest] = childrenOf(toBeSigned, TAG.sequence);
  if (contentOf(childrenOf(version, EXPLICIT_VERSION)[0], TAG.integer)[0] !== 2)
    throw new DerError('it is not version 3');
  contentOf(serial, TAG.integer);
  if (issuer === undefined || subject === undefined || publicKey === undefined)
    throw new DerError('fields are missing');
  return {
    issuer: encodeDer(issuer),
    subject: encodeDer(subject),
    publicKey: encodeDer(publicKey),
    signatureAlgorithm: readOid(childrenOf(algorithm, TAG.sequence)[0]),
    extensions: readExtensions(rest),
  };
}

function readExtensions(rest: readonly DerNode[]): readonly Extension[] {
  const holder = rest[0];
  // Unique identifiers (tags 1 and 2) died with version 2 and would stand first here.
  if (holder === undefined || rest.length !== 1 || tagOf(holder) !== EXPLICIT_EXTENSIONS) {
    throw new DerError('it has no extensions, or fields that version 3 forbids');
  }
  const nodes = childrenOf(childrenOf(holder, EXPLICIT_EXTENSIONS)[0], TAG.sequence);
  if (nodes.length > EXTENSIONS_MAX) throw new DerError('it has too many extensions');
  const extensions = nodes.map(decodeExtension);
  // RFC 5280, section 4.2: at most one instance of each. Two readers would otherwise pick different ones.
  if (new Set(extensions.map((item) => item.oid)).size !== extensions.length)
    throw new DerError('an extension occurs twice');
  return extensions;
}

function readMeaning(
  extensions: readonly Extension[],
): Pick<Certificate, 'basicConstraints' | 'keyUsage' | 'extendedKeyUsage' | 'names' | 'nameConstraints'> {
  const read = <T>(identifier: string, reader: (value: Uint8Array) => T): T | undefined => {
    const found = extensions.find((item) => item.oid === identifier);
    return found === undefined ? undefined : reader(found.value);
  };
  return {
    // Absent means "not a CA", never "unspecified": that mistake has had a CVE in other software.
    basicConstraints: read(OID.basicConstraints, readBasicConstraints) ?? { ca: false },
    keyUsage: read(OID.keyUsage, readKeyUsage) ?? new Set(),
    extendedKeyUsage: read(OID.extendedKeyUsage, readExtendedKeyUsage),
    names: read(OID.subjectAltName, readSubjectAltName) ?? [],
    nameConstraints: read(OID.nameConstraints, readNameConstraints),
  };
}
