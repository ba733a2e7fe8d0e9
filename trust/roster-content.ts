import { compareText } from '../federation/model/ids.ts';
import { decodeBase64 } from './base64.ts';
import type { Certificate } from './certificate-reader.ts';
import { readCertificate } from './certificate-reader.ts';
import type { Refused } from './checked.ts';
import { accepted, refused } from './checked.ts';
import type { Checked, Roster, RosterMember } from './contract.ts';
import { OID } from './extensions.ts';
import { trustDomainConstraints } from './name-constraints.ts';
import { checkIssued, checkIssuer } from './path.ts';
import { trustDomainOf } from './spiffe.ts';

/**
 * What must hold inside a roster whose signature is good. The authority is trusted, yet its mistakes are not: one CA
 * certificate with the wrong constraints would let one cluster speak for another, so the whole roster is refused and the
 * last good one stays.
 *
 * Expired CA certificates pass here. They fail where they are used, and a dead cluster must not keep the living from
 * getting a new roster.
 */
export function checkRosterContent(roster: Roster, roots: readonly Certificate[]): Refused | undefined {
  const ownerOfKey = new Map<string, string>();
  let previous = '';
  for (const member of roster.members) {
    const { cluster, trustDomain } = member;
    if (compareText(previous, cluster) >= 0) {
      return refused('RosterOrder', `the members are not sorted, or not unique, at ${cluster}`);
    }
    previous = cluster;
    if (trustDomain !== trustDomainOf(cluster, roster.clustersetDomain)) {
      return refused('MemberTrustDomain', `${cluster} has the trust domain ${trustDomain}`);
    }
    const keys = readCaKeys(member, roots);
    if (!keys.ok) return keys;
    for (const key of keys.value) {
      const owner = ownerOfKey.get(key) ?? cluster;
      if (owner !== cluster) return refused('MemberCa', `${cluster} and ${owner} have the same CA key`);
      ownerOfKey.set(key, cluster);
    }
  }
  return undefined;
}

/** The public keys of the member's CAs, each proven to be certified for exactly this member by a root. */
function readCaKeys(member: RosterMember, roots: readonly Certificate[]): Checked<readonly string[]> {
  const { cluster, caCertificates } = member;
  if (new Set(caCertificates).size !== caCertificates.length) {
    return refused('MemberCa', `${cluster} has the same CA certificate twice`);
  }
  const keys: string[] = [];
  for (const text of caCertificates) {
    const der = decodeBase64(text);
    const read = der === undefined ? refused('MemberCa', 'a certificate is not base64') : readCertificate(der);
    const bad = read.ok ? checkClusterCa(read.value, member.trustDomain, roots) : read;
    if (!read.ok || bad !== undefined) {
      return refused('MemberCa', `the CA of ${cluster} is refused: ${bad?.message ?? 'it cannot be read'}`);
    }
    keys.push(Buffer.from(read.value.publicKey).toString('base64'));
  }
  return accepted(keys);
}

/** That `certificate` is a CA for this trust domain and nothing else, issued by one of the roots. */
export function checkClusterCa(
  certificate: Certificate,
  trustDomain: string,
  roots: readonly Certificate[],
): Refused | undefined {
  if (!roots.some((root) => checkIssued(certificate, root) === undefined)) {
    return refused('MemberCa', 'no root of the clusterset issued it');
  }
  const bad = checkIssuer(certificate, 0);
  if (bad !== undefined) return bad;
  if (certificate.basicConstraints.pathLen !== 0) return refused('MemberCa', 'it may have further CAs below it');
  // Octet for octet what our issuer writes: no reading of constraints can be as strict as knowing them.
  const expected = trustDomainConstraints(trustDomain);
  const actual = certificate.extensions.find((item) => item.oid === OID.nameConstraints);
  const same = actual?.critical === true && Buffer.from(actual.value).equals(expected.value);
  return same ? undefined : refused('MemberCa', `its name constraints are not those of ${trustDomain}`);
}
