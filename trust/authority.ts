import { createHash } from 'node:crypto';
import type { ClusterId } from '../federation/model/ids.ts';
import { compareText } from '../federation/model/ids.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { readCertificate } from './certificate-reader.ts';
import { issueClusterCa, issueRoot } from './certificates.ts';
import { accepted, refused } from './checked.ts';
import type { Checked, Roster, RosterMember } from './contract.ts';
import type { JoinRequestBody } from './join-messages.ts';
import type { PrivateKey } from './private-key.ts';
import { ROSTER_LIMITS, ROSTER_SCHEMA } from './roster-schema.ts';
import { trustDomainOf } from './spiffe.ts';
import type { Redemption, TokenState } from './token-ledger.ts';

/**
 * What the authority decides, as functions of values: who becomes a member and with which certificate. Writing the
 * decision down (journal, then roster, then answer) is its caller's part.
 */
export interface FoundInit {
  /** The clusterset's domain. */
  readonly domain: string;
  /** A clusterset for development: loopback gateway addresses are allowed. */
  readonly dev: boolean;
  /** The first member, whose controller is the authority. */
  readonly cluster: ClusterId;
  readonly rootKey: PrivateKey;
  /** SPKI in DER of the first member's CA key. */
  readonly caPublicKey: Uint8Array;
  readonly nowMs: number;
  /** 16 random octets each. */
  readonly serials: { readonly root: Uint8Array; readonly clusterCa: Uint8Array };
}

export interface Founded {
  /** DER. */
  readonly root: Uint8Array;
  /** DER. */
  readonly clusterCa: Uint8Array;
  readonly roster: Roster;
}

export function foundClusterset(init: FoundInit): Founded {
  const { domain, cluster, nowMs, rootKey } = init;
  const root = issueRoot({ key: rootKey, clustersetDomain: domain, nowMs, serial: init.serials.root });
  const trustDomain = trustDomainOf(cluster, domain);
  const clusterCa = issueClusterCa({
    issuerKey: rootKey,
    issuerCertificate: root,
    publicKey: init.caPublicKey,
    trustDomain,
    nowMs,
    serial: init.serials.clusterCa,
  });
  const caCertificates = [encodeBase64(clusterCa)];
  const roster: Roster = {
    schema: ROSTER_SCHEMA,
    clustersetDomain: domain,
    version: 1,
    dev: init.dev,
    issuedAtMs: nowMs,
    roots: [encodeBase64(root)],
    members: [{ cluster, incarnation: 1, trustDomain, caCertificates, status: 'active', joinedAtMs: nowMs }],
  };
  return { root, clusterCa, roster };
}

export interface AdmitInput {
  readonly roster: Roster;
  /** From the journal. Absent: no such token was ever made here. */
  readonly token: TokenState | undefined;
  /** Opened with that token's secret. */
  readonly request: JoinRequestBody;
  readonly rootKey: PrivateKey;
  /** DER. */
  readonly rootCertificate: Uint8Array;
  readonly nowMs: number;
  readonly serial: Uint8Array;
}

export interface Admitted {
  /** DER. */
  readonly clusterCa: Uint8Array;
  /** The same object as before when this request was admitted already. */
  readonly roster: Roster;
  /** To be journalled before the roster is published. */
  readonly redemption: Redemption;
}

/**
 * The caller journals the redemption, then publishes the roster, then answers. After a crash in between, the request is
 * still unanswered and comes here again: the same key under the same token is then the same join and no second use,
 * whatever the clock says by now.
 */
export function admit(input: AdmitInput): Checked<Admitted> {
  const { roster, token, request, nowMs } = input;
  const { cluster, publicKey } = request;
  if (token === undefined) return refused('TokenUnknown', 'the token was not made by this authority');
  if (token.cluster !== cluster)
    return refused('TokenCluster', `the token is for ${token.cluster}, not for ${cluster}`);
  const owner = findOwner(roster, publicKey);
  if (owner !== undefined && owner.member.cluster !== cluster) {
    return refused('KeyInUse', `the CA key is that of ${owner.member.cluster}; every cluster makes its own`);
  }
  const { redemption } = token;
  if (redemption === undefined) {
    if (nowMs < token.expiresAtMs) return enrol(input);
    return refused('TokenExpired', `the token expired at ${new Date(token.expiresAtMs).toISOString()}; make a new one`);
  }
  const used = refused('TokenUsed', 'the token was used already; make a new one');
  if (redemption.keyName !== keyName(publicKey)) return used;
  if (owner?.member.status === 'active') return accepted({ clusterCa: owner.certificate, roster, redemption });
  return roster.version < redemption.rosterVersion ? enrol(input) : used;
}

/** A cluster that joins again starts a new life: a higher incarnation, and its old CA is worth nothing from here on. */
function enrol(input: AdmitInput): Checked<Admitted> {
  const { roster, request, nowMs } = input;
  const { cluster } = request;
  const previous = roster.members.find((member) => member.cluster === cluster);
  if (previous?.status === 'quarantined') {
    return refused('MemberQuarantined', `${cluster} is quarantined; lift that first`);
  }
  if (previous === undefined && roster.members.length >= ROSTER_LIMITS.membersMax) {
    return refused('RosterFull', `the clusterset has ${ROSTER_LIMITS.membersMax} members, the most it can have`);
  }
  const trustDomain = trustDomainOf(cluster, roster.clustersetDomain);
  const clusterCa = issueClusterCa({
    issuerKey: input.rootKey,
    issuerCertificate: input.rootCertificate,
    publicKey: request.publicKey,
    trustDomain,
    nowMs,
    serial: input.serial,
  });
  const member: RosterMember = {
    // What the authority once allowed this name (namespaces, quota, addresses) outlives its incarnations.
    ...previous,
    cluster,
    incarnation: (previous?.incarnation ?? 0) + 1,
    trustDomain,
    caCertificates: [encodeBase64(clusterCa)],
    status: 'active',
    joinedAtMs: nowMs,
  };
  const members = [...roster.members.filter((other) => other.cluster !== cluster), member];
  members.sort((left, right) => compareText(left.cluster, right.cluster));
  const version = roster.version + 1;
  return accepted({
    clusterCa,
    roster: { ...roster, version, issuedAtMs: nowMs, members },
    redemption: { keyName: keyName(request.publicKey), rosterVersion: version },
  });
}

/**
 * The roster without a member that said goodbye. Its entry stays, with its incarnation and what it was once allowed, so
 * that a later life of the name is another one; its CA is worth nothing from here on. The same object when there is
 * nothing to do: not an active member, or one that has joined anew since it said so.
 */
export function retire(
  roster: Roster,
  leaver: { readonly cluster: ClusterId; readonly incarnation: number },
  nowMs: number,
): Roster {
  const isLeaver = ({ cluster, incarnation, status }: RosterMember): boolean =>
    cluster === leaver.cluster && incarnation === leaver.incarnation && status === 'active';
  if (!roster.members.some(isLeaver)) return roster;
  const members = roster.members.map(
    (member): RosterMember => (isLeaver(member) ? { ...member, status: 'removed' } : member),
  );
  return { ...roster, version: roster.version + 1, issuedAtMs: nowMs, members };
}

/** Hex sha256 of a public key: how the journal remembers who used a token. */
export function keyName(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex');
}

function findOwner(
  roster: Roster,
  publicKey: Uint8Array,
): { readonly member: RosterMember; readonly certificate: Uint8Array } | undefined {
  for (const member of roster.members) {
    for (const text of member.caCertificates) {
      const der = decodeBase64(text);
      const read = der === undefined ? undefined : readCertificate(der);
      if (read?.ok === true && Buffer.from(read.value.publicKey).equals(publicKey)) {
        return { member, certificate: read.value.der };
      }
    }
  }
  return undefined;
}
