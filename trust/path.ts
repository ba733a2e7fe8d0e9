import type { Certificate } from './certificate-reader.ts';
import { readCertificate } from './certificate-reader.ts';
import type { Refused } from './checked.ts';
import { accepted, refused } from './checked.ts';
import type { Checked } from './contract.ts';

/**
 * The way from a leaf to an anchor. It is a line, never a search: the chain comes in order, leaf first, and each step
 * either reaches an anchor or takes the next certificate. An anchor is any CA certificate that is handed in, self-signed
 * or not; a certificate in the chain is never one by itself.
 */
export const CHAIN_CERTIFICATES_MAX = 4;
/** A member has its current and its next CA; several members at once are not a set of anchors for anything. */
export const ANCHORS_MAX = 16;

/** The leaf first, the anchor last; every signature on the way is good. Nothing else is checked yet. */
export function buildPath(
  chain: readonly Uint8Array[],
  anchors: readonly Uint8Array[],
): Checked<readonly [Certificate, ...Certificate[]]> {
  const [leafDer, ...rest] = chain;
  if (leafDer === undefined) return refused('ChainEmpty', 'no certificate was presented');
  if (chain.length > CHAIN_CERTIFICATES_MAX) {
    return refused('ChainTooLong', `the chain has ${chain.length} certificates, more than ${CHAIN_CERTIFICATES_MAX}`);
  }
  const trusted = readAnchors(anchors);
  if (!trusted.ok) return trusted;
  const leaf = readCertificate(leafDer);
  if (!leaf.ok) return leaf;
  const path: [Certificate, ...Certificate[]] = [leaf.value];
  let current = leaf.value;
  let broken: Refused = refused('IssuerUnknown', 'the chain does not lead to a trusted CA');
  for (;;) {
    for (const anchor of trusted.value) {
      const step = checkIssued(current, anchor);
      if (step === undefined) return accepted([...path, anchor]);
      if (step.reason === 'SignatureInvalid') broken = step;
    }
    const nextDer = rest.shift();
    if (nextDer === undefined) return broken;
    const next = readCertificate(nextDer);
    if (!next.ok) return next;
    const step = checkIssued(current, next.value);
    if (step !== undefined) return broken.reason === 'SignatureInvalid' ? broken : step;
    path.push(next.value);
    current = next.value;
  }
}

function readAnchors(anchors: readonly Uint8Array[]): Checked<readonly Certificate[]> {
  if (anchors.length === 0) return refused('AnchorsMissing', 'there is no CA to trust');
  if (anchors.length > ANCHORS_MAX) {
    return refused('AnchorsTooMany', `there are ${anchors.length} CAs to trust, more than ${ANCHORS_MAX}`);
  }
  const read: Certificate[] = [];
  for (const anchor of anchors) {
    const certificate = readCertificate(anchor);
    if (!certificate.ok) return refused('AnchorInvalid', `a CA to trust is unusable: ${certificate.message}`);
    read.push(certificate.value);
  }
  // A CA that was renewed with its key stands here twice; the way leads through the one that lives longer.
  return accepted(read.toSorted((left, right) => right.notAfterMs - left.notAfterMs));
}

/** Undefined when `issuer` issued `certificate`: the names are the same octets, the key identifiers fit, the signature is good. */
export function checkIssued(certificate: Certificate, issuer: Certificate): Refused | undefined {
  if (issuersOf.get(certificate)?.has(issuer) === true) return undefined;
  const bad = checkIssuedAnew(certificate, issuer);
  if (bad === undefined) issuersOf.set(certificate, (issuersOf.get(certificate) ?? new WeakSet()).add(issuer));
  return bad;
}

/** Who was found to have issued what. Both are values that never change, and are read once (`readCertificate`). */
const issuersOf = new WeakMap<Certificate, WeakSet<Certificate>>();

function checkIssuedAnew(certificate: Certificate, issuer: Certificate): Refused | undefined {
  const named = Buffer.from(certificate.issuer).equals(issuer.subject) && certificate.x509.checkIssued(issuer.x509);
  if (!named) return refused('IssuerUnknown', 'the chain does not lead to a trusted CA');
  return certificate.x509.verify(issuer.key)
    ? undefined
    : refused('SignatureInvalid', 'a certificate carries the name of its issuer but not its signature');
}

/** What an issuer must be to have `below` further CAs under it on the path. */
export function checkIssuer(issuer: Certificate, below: number): Refused | undefined {
  const { ca, pathLen } = issuer.basicConstraints;
  if (!ca) return refused('IssuerNotCa', 'a certificate was issued with one that is not of a CA');
  if (!issuer.keyUsage.has('keyCertSign')) {
    return refused('IssuerNotCa', 'a certificate was issued with a key that may not sign certificates');
  }
  if (pathLen !== undefined && below > pathLen) {
    return refused('PathTooLong', `a CA allows ${pathLen} further CAs below it, not ${below}`);
  }
  return undefined;
}
