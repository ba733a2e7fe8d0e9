import { randomBytes } from 'node:crypto';
import type { ClusterId } from '../federation/model/ids.ts';
import { parseClusterId } from '../federation/model/ids.ts';
import { encodeBase64 } from './base64.ts';
import type { CertificateFields } from './certificate-builder.ts';
import { buildCertificate, EMPTY_NAME } from './certificate-builder.ts';
import { readCertificate } from './certificate-reader.ts';
import { issueClusterCa, issueLeaf, issueRoot, SERIAL_BYTES } from './certificates.ts';
import type { Roster, RosterMember } from './contract.ts';
import type { Extension, GeneralName } from './extensions.ts';
import { basicConstraints, extendedKeyUsage, GENERAL_NAME, keyUsage, OID, subjectAltName } from './extensions.ts';
import { PrivateKey } from './private-key.ts';
import { ROSTER_SCHEMA } from './roster-schema.ts';
import type { SpiffeId } from './spiffe.ts';
import { controllerId, trustDomainOf } from './spiffe.ts';

/** For tests: a clusterset with real keys and certificates, and certificates that nobody should accept. */
export const DOMAIN = 'prod.example.org';
export const NOW_MS = Date.UTC(2026, 10, 24, 12);
export const EAST = parseClusterId('east');
export const WEST = parseClusterId('west');

export interface TestMember {
  readonly cluster: ClusterId;
  readonly trustDomain: string;
  readonly caKey: PrivateKey;
  readonly ca: Uint8Array;
  readonly controllerKey: PrivateKey;
  /** The controller's chain, leaf first, then the CA. */
  readonly chain: readonly Uint8Array[];
}

export interface TestClusterset {
  readonly rootKey: PrivateKey;
  readonly root: Uint8Array;
  readonly east: TestMember;
  readonly west: TestMember;
  readonly roster: Roster;
}

export function serial(): Uint8Array {
  return new Uint8Array(randomBytes(SERIAL_BYTES));
}

export function makeClusterset(nowMs = NOW_MS): TestClusterset {
  const rootKey = PrivateKey.generate();
  const root = issueRoot({ key: rootKey, clustersetDomain: DOMAIN, nowMs, serial: serial() });
  const east = makeMember(EAST, { key: rootKey, certificate: root }, nowMs);
  const west = makeMember(WEST, { key: rootKey, certificate: root }, nowMs);
  const roster: Roster = {
    schema: ROSTER_SCHEMA,
    clustersetDomain: DOMAIN,
    version: 1,
    dev: false,
    issuedAtMs: nowMs,
    roots: [encodeBase64(root)],
    members: [rosterMember(east, nowMs), rosterMember(west, nowMs)],
  };
  return { rootKey, root, east, west, roster };
}

export function makeMember(
  cluster: ClusterId,
  root: { readonly key: PrivateKey; readonly certificate: Uint8Array },
  nowMs = NOW_MS,
): TestMember {
  const trustDomain = trustDomainOf(cluster, DOMAIN);
  const caKey = PrivateKey.generate();
  const controllerKey = PrivateKey.generate();
  const issued = { nowMs, issuerKey: root.key, issuerCertificate: root.certificate };
  const ca = issueClusterCa({ ...issued, publicKey: caKey.publicKey, trustDomain, serial: serial() });
  const leaf = issueLeaf({
    nowMs,
    issuerKey: caKey,
    issuerCertificate: ca,
    publicKey: controllerKey.publicKey,
    id: controllerId(cluster, DOMAIN),
    serial: serial(),
  });
  return { cluster, trustDomain, caKey, ca, controllerKey, chain: [leaf, ca] };
}

export function rosterMember({ cluster, trustDomain, ca }: TestMember, joinedAtMs = NOW_MS): RosterMember {
  const caCertificates = [encodeBase64(ca)];
  return { cluster, incarnation: 1, trustDomain, caCertificates, status: 'active', joinedAtMs };
}

/** A leaf below `member`'s CA with whatever fields a test wants; what it does not name is as it should be. */
export function forgeLeaf(
  member: Pick<TestMember, 'caKey' | 'ca'>,
  wrong: Partial<CertificateFields> & { readonly replace?: readonly Extension[]; readonly without?: string } = {},
): Uint8Array {
  const { replace = [], without, ...fields } = wrong;
  const usual = [
    basicConstraints({ ca: false }),
    keyUsage('digitalSignature'),
    extendedKeyUsage(OID.clientAuth, OID.serverAuth),
    subjectAltName(uri('spiffe://east.prod.example.org/controller')),
  ];
  const replaced = new Set([...replace.map((item) => item.oid), without]);
  return buildCertificate(member.caKey, {
    serial: serial(),
    issuer: subjectOf(member.ca),
    subject: EMPTY_NAME,
    notBeforeMs: NOW_MS - 60_000,
    notAfterMs: NOW_MS + 3_600_000,
    publicKey: PrivateKey.generate().publicKey,
    extensions: [...usual.filter((item) => !replaced.has(item.oid)), ...replace],
    ...fields,
  });
}

export function subjectOf(certificate: Uint8Array): Uint8Array {
  const read = readCertificate(certificate);
  if (!read.ok) throw new Error(read.message);
  return read.value.subject;
}

export function uri(text: string): GeneralName {
  return { kind: GENERAL_NAME.uri, text };
}

export function idOf(member: TestMember, path = '/controller'): SpiffeId {
  return { trustDomain: member.trustDomain, path };
}
