import { z } from 'zod';
import { IsthmusError } from '../runtime/errors.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import type { Certificate } from './certificate-reader.ts';
import { readCertificate } from './certificate-reader.ts';
import { fingerprint } from './certificates.ts';
import type { Refused } from './checked.ts';
import { accepted, refused } from './checked.ts';
import type { Checked, Roster } from './contract.ts';
import { checkIssued, checkIssuer } from './path.ts';
import type { PrivateKey } from './private-key.ts';
import { verifySignature } from './private-key.ts';
import { checkRosterContent } from './roster-content.ts';
import { ROSTER_LIMITS, rosterSchema } from './roster-schema.ts';
import { firstIssue, sha256Hex } from './wire-schema.ts';

/**
 * The roster in its stored form. It travels through a store that nobody trusts, so it is opened in this order: size,
 * envelope, the way from a pinned root to the signing root, signature, schema, content. Nothing is parsed as a roster
 * before its signature holds, except the list of roots that leads to the signer.
 */
export { ROSTER_LIMITS, ROSTER_SCHEMA } from './roster-schema.ts';

const PREFIX = new TextEncoder().encode('isthmus-roster-v1\n');

const envelopeSchema = z.strictObject({
  payload: z.string(),
  signature: z.string().length(88),
  /** Fingerprint of the root whose key signed. */
  root: sha256Hex,
});
type Envelope = z.infer<typeof envelopeSchema>;

export class RosterError extends IsthmusError {
  constructor(message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super('roster-refused', message, { fields });
  }
}

/** @throws RosterError when `key` belongs to none of the roster's roots, or a reader would refuse the roster. */
export function signRoster(key: PrivateKey, roster: Roster): Uint8Array {
  const root = roster.roots.map((text) => decodeBase64(text)).find((der) => der !== undefined && isKeyOf(key, der));
  if (root === undefined) throw new RosterError('the key belongs to none of the roots of the roster');
  const payload = new TextEncoder().encode(JSON.stringify(roster));
  const signature = key.sign(Buffer.concat([PREFIX, payload]));
  const bytes = encodeEnvelope({
    payload: encodeBase64(payload),
    signature: encodeBase64(signature),
    root: fingerprint(root),
  });
  // A roster that its readers refuse would stop every change in the clusterset, without a word at the authority.
  const opened = openRoster({ bytes, pinnedRoots: [root] });
  if (!opened.ok) throw new RosterError(opened.message, { reason: opened.reason });
  return bytes;
}

export interface OpenRosterInput {
  /** As stored. */
  readonly bytes: Uint8Array;
  /** Roots that this reader knows: DER, or fingerprints. The signer must be one of them, or a successor of one. */
  readonly pinnedRoots: readonly (Uint8Array | string)[];
}

export function openRoster({ bytes, pinnedRoots }: OpenRosterInput): Checked<Roster> {
  const envelope = readEnvelope(bytes);
  if (!envelope.ok) return envelope;
  const payload = decodeBase64(envelope.value.payload);
  const signature = decodeBase64(envelope.value.signature);
  if (payload === undefined || signature === undefined) return refused('RosterInvalid', 'the roster is not base64');
  const parsed = parseJson(payload);
  const roots = readRoots(parsed);
  if (!roots.ok) return roots;
  const signer = findSigner(roots.value, envelope.value.root, pinnedRoots);
  if (!signer.ok) return signer;
  if (!verifySignature(signer.value.publicKey, Buffer.concat([PREFIX, payload]), signature)) {
    return refused('RosterSignature', 'the roster is not signed by the root that it names');
  }
  const roster = rosterSchema.safeParse(parsed);
  if (!roster.success) return refused('RosterInvalid', `the roster is invalid: ${firstIssue(roster.error)}`);
  return checkRosterContent(roster.data, roots.value) ?? accepted(roster.data);
}

/** DER of the roots that a roster names, newest first: the way among them holds, nothing says that they are anybody's. */
export function rosterRoots(bytes: Uint8Array): Checked<readonly Uint8Array[]> {
  const envelope = readEnvelope(bytes);
  if (!envelope.ok) return envelope;
  const payload = decodeBase64(envelope.value.payload);
  if (payload === undefined) return refused('RosterInvalid', 'the roster is not base64');
  const roots = readRoots(parseJson(payload));
  return roots.ok ? accepted(roots.value.map(({ der }) => der)) : roots;
}

function encodeEnvelope({ payload, signature, root }: Envelope): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ payload, signature, root }));
}

function readEnvelope(bytes: Uint8Array): Checked<Envelope> {
  if (bytes.length > ROSTER_LIMITS.bytesMax) {
    return refused('RosterTooLarge', `the roster has ${bytes.length} octets, more than ${ROSTER_LIMITS.bytesMax}`);
  }
  const envelope = envelopeSchema.safeParse(parseJson(bytes));
  if (!envelope.success) return refused('RosterInvalid', `the roster is invalid: ${firstIssue(envelope.error)}`);
  // One roster has one text, so that its hash names it wherever it is kept.
  if (!Buffer.from(encodeEnvelope(envelope.data)).equals(bytes)) {
    return refused('RosterInvalid', 'the roster is not in its canonical form');
  }
  return accepted(envelope.data);
}

/** Undefined, which no schema lets pass, for what is not JSON. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

const rootsSchema = z.object({ roots: z.array(z.string()).min(1).max(ROSTER_LIMITS.rootsMax) });

/** The roots, newest first, each proven to be signed by the one after it; the last signs itself. */
function readRoots(parsed: unknown): Checked<readonly Certificate[]> {
  const listed = rootsSchema.safeParse(parsed);
  if (!listed.success) return refused('RosterInvalid', `the roster is invalid: ${firstIssue(listed.error)}`);
  const roots: Certificate[] = [];
  for (const text of listed.data.roots) {
    const der = decodeBase64(text);
    const root = der === undefined ? refused('RosterInvalid', 'a root is not base64') : readCertificate(der);
    if (!root.ok) return root;
    roots.push(root.value);
  }
  for (const [index, root] of roots.entries()) {
    const bad = checkRoot(root) ?? checkIssued(root, roots[index + 1] ?? root);
    if (bad !== undefined) return refused('RootInvalid', `one of the roots cannot be one: ${bad.message}`);
  }
  return accepted(roots);
}

/**
 * The root also signs the CAs of clusters, and "signed by the root" must not make one of those its successor: its
 * cluster could then write rosters. Roots share one name, may have CAs below them, and are not bound to a domain.
 */
function checkRoot(root: Certificate): Refused | undefined {
  if (!Buffer.from(root.subject).equals(root.issuer) || root.nameConstraints !== undefined) {
    return refused('RootInvalid', 'it is the CA of a cluster');
  }
  return checkIssuer(root, 1);
}

/**
 * The root that signed. A pin is worth its root and every successor of it, and no predecessor: an older root may have
 * been retired because it was stolen.
 */
function findSigner(
  roots: readonly Certificate[],
  signerFingerprint: string,
  pinnedRoots: OpenRosterInput['pinnedRoots'],
): Checked<Certificate> {
  const pins = new Set(pinnedRoots.map((pin) => (typeof pin === 'string' ? pin : fingerprint(pin))));
  const fingerprints = roots.map((root) => fingerprint(root.der));
  const signerIndex = fingerprints.indexOf(signerFingerprint);
  const signer = roots[signerIndex];
  const oldestPin = fingerprints.findLastIndex((name) => pins.has(name));
  if (signer === undefined || signerIndex > oldestPin) {
    return refused('RootUnknown', 'the roster is not signed by a root that is pinned here, nor by a successor of one');
  }
  return accepted(signer);
}

function isKeyOf(key: PrivateKey, certificateDer: Uint8Array): boolean {
  const certificate = readCertificate(certificateDer);
  return certificate.ok && Buffer.from(certificate.value.publicKey).equals(key.publicKey);
}
