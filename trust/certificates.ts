import { IsthmusError } from '../runtime/errors.ts';
import type { CertificateFields } from './certificate-builder.ts';
import { buildCertificate, distinguishedName, EMPTY_NAME, keyIdentifier } from './certificate-builder.ts';
import { readCertificate } from './certificate-reader.ts';
import type { Extension } from './extensions.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  GENERAL_NAME,
  keyUsage,
  OID,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.ts';
import type { NameConstraints } from './name-constraints.ts';
import { permitsUriHost, trustDomainConstraints } from './name-constraints.ts';
import type { PrivateKey } from './private-key.ts';
import { readPublicKey } from './private-key.ts';
import type { SpiffeId } from './spiffe.ts';
import { formatSpiffeId } from './spiffe.ts';

/**
 * The three certificate profiles: federated root, cluster CA, leaf (SPIFFE X509-SVID). The issuer decides every field
 * from an identity that was authenticated elsewhere; of a request only the public key is taken.
 */
export { fingerprint, fromPem, InvalidPemError, toPem } from './pem.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
export const ROOT_LIFETIME_MS = 3_650 * DAY_MS;
/** Renewed at half, so an offline authority has 45 days to sign the next. */
export const CLUSTER_CA_LIFETIME_MS = 90 * DAY_MS;
/** Short enough that no revocation list is needed. */
export const LEAF_LIFETIME_MS_MAX = 24 * HOUR_MS;
/** Clocks of two clusters may differ this much before a fresh certificate is "not yet valid" at the peer. */
export const BACK_DATE_MS = 5 * 60_000;
export const SERIAL_BYTES = 16;

export class IssuingError extends IsthmusError {
  constructor(message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super('issuing-refused', message, { fields });
  }
}

interface Validity {
  readonly nowMs: number;
  /** Counted from `nowMs`; the certificate is valid from five minutes before. */
  readonly lifetimeMs?: number | undefined;
}

interface Issued extends Validity {
  /** 16 random octets. */
  readonly serial: Uint8Array;
  readonly issuerKey: PrivateKey;
  readonly issuerCertificate: Uint8Array;
  /** SPKI in DER, P-256. */
  readonly publicKey: Uint8Array;
}

export interface RootInit extends Validity {
  readonly serial: Uint8Array;
  readonly key: PrivateKey;
  readonly clustersetDomain: string;
  /** Absent for the first root. A later one is signed by its predecessor, so that its pin leads to it. */
  readonly predecessor?: { readonly key: PrivateKey; readonly certificate: Uint8Array } | undefined;
}

/** An issuer's certificate, read once: what a busy issuer keeps instead of the octets. */
export interface Issuer {
  readonly key: PrivateKey;
  readonly name: Uint8Array;
  readonly keyIdentifier: Uint8Array;
  readonly notAfterMs: number;
  readonly nameConstraints: NameConstraints | undefined;
}

/** @throws IssuingError when the certificate is not a CA's, or not that key's. */
export function readIssuer(key: PrivateKey, certificate: Uint8Array): Issuer {
  const read = readCertificate(certificate);
  if (!read.ok) throw new IssuingError(`the issuer's certificate is unusable: ${read.message}`);
  const { value } = read;
  if (!value.basicConstraints.ca || !value.keyUsage.has('keyCertSign')) {
    throw new IssuingError("the issuer's certificate is not one of a CA");
  }
  if (!Buffer.from(value.publicKey).equals(key.publicKey)) {
    throw new IssuingError("the issuer's key does not belong to its certificate");
  }
  return {
    key,
    name: value.subject,
    keyIdentifier: keyIdentifier(value.publicKey),
    notAfterMs: value.notAfterMs,
    nameConstraints: value.nameConstraints,
  };
}

/**
 * The federated root. It signs cluster CAs, rosters and its successor (hence no path length), and is no anchor for
 * traffic.
 */
export function issueRoot(init: RootInit): Uint8Array {
  const subject = distinguishedName(init.clustersetDomain, 'isthmus root');
  const issuer =
    init.predecessor === undefined ? undefined : readIssuer(init.predecessor.key, init.predecessor.certificate);
  const fields: CertificateFields = {
    serial: checkedSerial(init.serial),
    issuer: issuer?.name ?? subject,
    subject,
    ...validity(init, ROOT_LIFETIME_MS, issuer?.notAfterMs ?? Number.POSITIVE_INFINITY),
    publicKey: init.key.publicKey,
    extensions: [
      basicConstraints({ ca: true }),
      keyUsage('keyCertSign', 'cRLSign'),
      ...keyIdentifiers(init.key.publicKey, issuer),
    ],
  };
  return buildCertificate(issuer?.key ?? init.key, fields);
}

/** A cluster's CA: signs leaves only (path length 0), and only for URIs of its own trust domain. */
export function issueClusterCa(init: Issued & { readonly trustDomain: string }): Uint8Array {
  const issuer = readIssuer(init.issuerKey, init.issuerCertificate);
  return buildCertificate(issuer.key, {
    serial: checkedSerial(init.serial),
    issuer: issuer.name,
    subject: distinguishedName(init.trustDomain, 'isthmus cluster CA'),
    ...validity(init, CLUSTER_CA_LIFETIME_MS, issuer.notAfterMs),
    publicKey: checkedPublicKey(init.publicKey),
    extensions: [
      basicConstraints({ ca: true, pathLen: 0 }),
      keyUsage('keyCertSign', 'cRLSign'),
      trustDomainConstraints(init.trustDomain),
      ...keyIdentifiers(init.publicKey, issuer),
    ],
  });
}

export function issueLeaf(init: Issued & { readonly id: SpiffeId }): Uint8Array {
  return signLeaf(readIssuer(init.issuerKey, init.issuerCertificate), init).certificate;
}

export interface SignedLeaf {
  readonly certificate: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** An X509-SVID: empty subject, one URI, for both ends of a TLS connection, at most a day. */
export function signLeaf(
  issuer: Issuer,
  init: Validity & { readonly serial: Uint8Array; readonly publicKey: Uint8Array; readonly id: SpiffeId },
): SignedLeaf {
  if (issuer.nameConstraints !== undefined && !permitsUriHost(issuer.nameConstraints, init.id.trustDomain)) {
    throw new IssuingError('the CA may not vouch for that trust domain', { id: formatSpiffeId(init.id) });
  }
  if ((init.lifetimeMs ?? 0) > LEAF_LIFETIME_MS_MAX) throw new IssuingError('a leaf lives a day at most');
  const life = validity(init, LEAF_LIFETIME_MS_MAX, issuer.notAfterMs);
  const certificate = buildCertificate(issuer.key, {
    serial: checkedSerial(init.serial),
    issuer: issuer.name,
    subject: EMPTY_NAME,
    ...life,
    publicKey: checkedPublicKey(init.publicKey),
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage('digitalSignature'),
      extendedKeyUsage(OID.clientAuth, OID.serverAuth),
      subjectAltName({ kind: GENERAL_NAME.uri, text: formatSpiffeId(init.id) }),
      ...keyIdentifiers(init.publicKey, issuer),
    ],
  });
  return { certificate, ...life };
}

function keyIdentifiers(publicKey: Uint8Array, issuer: Issuer | undefined): readonly Extension[] {
  const own = subjectKeyIdentifier(keyIdentifier(publicKey));
  return issuer === undefined ? [own] : [own, authorityKeyIdentifier(issuer.keyIdentifier)];
}

function validity(
  { nowMs, lifetimeMs }: Validity,
  lifetimeDefaultMs: number,
  issuerNotAfterMs: number,
): Pick<CertificateFields, 'notBeforeMs' | 'notAfterMs'> {
  // A certificate that outlives its issuer would fail in the middle of its life, when nobody expects it.
  const notAfterMs = wholeSeconds(Math.min(nowMs + (lifetimeMs ?? lifetimeDefaultMs), issuerNotAfterMs));
  if (notAfterMs <= nowMs) throw new IssuingError('the certificate would have expired already', { notAfterMs, nowMs });
  return { notBeforeMs: wholeSeconds(nowMs - BACK_DATE_MS), notAfterMs };
}

/** Certificates count in seconds. */
function wholeSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1000) * 1000;
}

function checkedSerial(serial: Uint8Array): Uint8Array {
  if (serial.length !== SERIAL_BYTES || serial.every((octet) => octet === 0)) {
    throw new IssuingError(`a serial number is ${SERIAL_BYTES} random octets`);
  }
  return serial;
}

function checkedPublicKey(publicKey: Uint8Array): Uint8Array {
  if (readPublicKey(publicKey) === undefined) throw new IssuingError('the public key is not ECDSA P-256');
  return publicKey;
}
