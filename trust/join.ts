import { readCertificate } from './certificate-reader.ts';
import { accepted, refused } from './checked.ts';
import type { Checked, Roster, RosterMember } from './contract.ts';
import { encodeBase64 } from './base64.ts';
import { openJoinAnswer, openJoinRequest } from './join-messages.ts';
import { openRoster } from './roster.ts';
import type { JoinToken } from './token.ts';

/** The joiner's end of a join: what must hold before a new cluster believes that it is a member. */
export interface AcceptJoinInput {
  readonly token: JoinToken;
  /** The request as it was sent; what a joiner keeps while it waits, also over a restart. */
  readonly request: Uint8Array;
  readonly answer: Uint8Array;
  /** From the store. */
  readonly rosterBytes: Uint8Array;
}

export interface Joined {
  /** DER; certifies the key of the request. */
  readonly clusterCa: Uint8Array;
  readonly member: RosterMember;
  readonly roster: Roster;
}

/**
 * @returns refused with `RosterTooOld` when the store has not yet got the roster that the answer speaks of: ask again.
 * Every other reason is final.
 */
export function acceptJoinAnswer({ token, request, answer, rosterBytes }: AcceptJoinInput): Checked<Joined> {
  const asked = openJoinRequest(request, token.secret);
  if (!asked.ok) return asked;
  const answered = openJoinAnswer(answer, token.secret, asked.value.nonce);
  if (!answered.ok) return answered;
  const roster = openRoster({ bytes: rosterBytes, pinnedRoots: [token.rootFingerprint] });
  if (!roster.ok) return roster;
  if (roster.value.version < answered.value.rosterVersion) {
    return refused('RosterTooOld', `the store's roster is older than version ${answered.value.rosterVersion}`);
  }
  if (roster.value.clustersetDomain !== token.clustersetDomain) {
    return refused(
      'WrongClusterset',
      `the roster is of ${roster.value.clustersetDomain}, the token of ${token.clustersetDomain}`,
    );
  }
  const { clusterCa } = answered.value;
  const member = roster.value.members.find((candidate) => candidate.cluster === token.cluster);
  if (member?.caCertificates.includes(encodeBase64(clusterCa)) !== true) {
    return refused('NotInRoster', `the roster does not name the new CA of ${token.cluster}`);
  }
  const certificate = readCertificate(clusterCa);
  if (!certificate.ok || !Buffer.from(certificate.value.publicKey).equals(asked.value.publicKey)) {
    return refused('WrongKey', 'the answer certifies another key than the one that asked');
  }
  return accepted({ clusterCa, member, roster: roster.value });
}
