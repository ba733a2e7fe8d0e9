import type { Certificate } from './certificate-reader.ts';
import { BACK_DATE_MS } from './certificates.ts';
import type { Refused } from './checked.ts';
import { accepted, refused } from './checked.ts';
import type { Checked } from './contract.ts';
import { GENERAL_NAME, OID } from './extensions.ts';
import { permitsUriHost } from './name-constraints.ts';
import { buildPath, checkIssuer } from './path.ts';
import type { SpiffeId } from './spiffe.ts';
import { formatSpiffeId, InvalidSpiffeIdError, parseSpiffeId } from './spiffe.ts';

/**
 * Verification of an X509-SVID (SPIFFE X509-SVID standard, sections 4 and 5; RFC 5280, section 6). Every check stands here by
 * itself, at a time that is handed in: no library decides what a valid chain is.
 */
export interface VerifySvidInput {
  /** DER, leaf first. What comes after the first certificate that an anchor issued is ignored. */
  readonly chain: readonly Uint8Array[];
  /** DER of the CA certificates to trust for the expected trust domain, self-signed or not. */
  readonly anchors: readonly Uint8Array[];
  readonly atMs: number;
  /** An identity, or any identity of a trust domain. */
  readonly expected: SpiffeId | { readonly trustDomain: string };
}

export interface VerifiedSvid {
  /** SPKI in DER, P-256. */
  readonly publicKey: Uint8Array;
  readonly id: SpiffeId;
  /** From when until when the whole path is valid: the latest start and the earliest end of its certificates. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export function verifySvid(input: VerifySvidInput): Checked<VerifiedSvid> {
  const built = buildPath(input.chain, input.anchors);
  if (!built.ok) return built;
  const [leaf, ...issuers] = built.value;
  const id = readId(leaf);
  if (!id.ok) return id;
  const bad =
    checkLeaf(leaf) ??
    firstRefusal(issuers, (issuer, below) => checkIssuer(issuer, below) ?? checkConstraints(issuer, id.value)) ??
    firstRefusal(built.value, checkPurpose) ??
    firstRefusal(built.value, (certificate) => checkValidity(certificate, input.atMs)) ??
    checkExpected(id.value, input.expected);
  if (bad !== undefined) return bad;
  return accepted({
    publicKey: leaf.publicKey,
    id: id.value,
    notBeforeMs: Math.max(...built.value.map((certificate) => certificate.notBeforeMs)),
    notAfterMs: Math.min(...built.value.map((certificate) => certificate.notAfterMs)),
  });
}

function firstRefusal(
  certificates: readonly Certificate[],
  check: (certificate: Certificate, index: number) => Refused | undefined,
): Refused | undefined {
  for (const [index, certificate] of certificates.entries()) {
    const bad = check(certificate, index);
    if (bad !== undefined) return bad;
  }
  return undefined;
}

/**
 * Exactly one name, and that a URI. SPIFFE would tolerate DNS names beside it; nothing of ours reads them, and a
 * second name is what confused-deputy attacks are made of.
 */
function readId(leaf: Certificate): Checked<SpiffeId> {
  const [name, ...others] = leaf.names;
  if (name === undefined || others.length > 0 || name.kind !== GENERAL_NAME.uri) {
    return refused('NotOneSpiffeId', 'a certificate must carry exactly one name, and that a SPIFFE ID as a URI');
  }
  try {
    return accepted(parseSpiffeId(name.text));
  } catch (error) {
    if (!(error instanceof InvalidSpiffeIdError)) throw error;
    return refused('NotOneSpiffeId', `a certificate's name is ${error.message}`);
  }
}

function checkLeaf(leaf: Certificate): Refused | undefined {
  if (leaf.basicConstraints.ca || leaf.keyUsage.has('keyCertSign') || leaf.keyUsage.has('cRLSign')) {
    return refused('LeafIsCa', 'a CA certificate was presented as an identity');
  }
  if (!leaf.keyUsage.has('digitalSignature')) return refused('KeyUsage', 'a certificate is not for digital signatures');
  if (leaf.key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    return refused('KeyTypeRefused', "an identity's key is not ECDSA P-256");
  }
  if (leaf.extendedKeyUsage === undefined) return refused('KeyPurpose', 'a certificate does not say what it is for');
  return undefined;
}

/** A CA without purposes may issue for any; one with purposes cannot issue for others (as BoringSSL reads it). */
function checkPurpose(certificate: Certificate): Refused | undefined {
  const purposes = certificate.extendedKeyUsage;
  if (purposes === undefined || (purposes.includes(OID.clientAuth) && purposes.includes(OID.serverAuth))) {
    return undefined;
  }
  return refused('KeyPurpose', 'a certificate is not for both clients and servers');
}

function checkConstraints(issuer: Certificate, id: SpiffeId): Refused | undefined {
  if (issuer.nameConstraints === undefined || permitsUriHost(issuer.nameConstraints, id.trustDomain)) return undefined;
  return refused('NameConstraint', `the CA may not vouch for ${formatSpiffeId(id)}`);
}

function checkValidity(certificate: Certificate, atMs: number): Refused | undefined {
  if (atMs > certificate.notAfterMs) {
    return refused('CertificateExpired', `a certificate expired at ${new Date(certificate.notAfterMs).toISOString()}`);
  }
  // The issuer back-dates by as much; together two clocks may differ by ten minutes.
  if (atMs + BACK_DATE_MS < certificate.notBeforeMs) {
    const from = new Date(certificate.notBeforeMs).toISOString();
    return refused('CertificateNotYetValid', `a certificate is valid from ${from}; compare the clocks`);
  }
  return undefined;
}

function checkExpected(id: SpiffeId, expected: VerifySvidInput['expected']): Refused | undefined {
  // Trust domain first, then path, both parsed: never text against text, never a pattern.
  if (id.trustDomain !== expected.trustDomain) {
    return refused('TrustDomain', `${formatSpiffeId(id)} is not of trust domain ${expected.trustDomain}`);
  }
  if ('path' in expected && id.path !== expected.path) {
    return refused('WrongIdentity', `${formatSpiffeId(id)} is not ${formatSpiffeId(expected)}`);
  }
  return undefined;
}
