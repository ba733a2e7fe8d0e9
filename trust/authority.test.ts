import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId } from '../federation/model/ids.ts';
import { SystemRandom } from '../runtime/random.ts';
import { type AdmitInput, admit, foundClusterset, keyName, retire } from './authority.ts';
import { encodeBase64 } from './base64.ts';
import { fingerprint, issueLeaf } from './certificates.ts';
import type { Roster, RosterMember } from './contract.ts';
import { acceptJoinAnswer } from './join.ts';
import { makeJoinAnswer, makeJoinRequest, openJoinRequest } from './join-messages.ts';
import { PrivateKey } from './private-key.ts';
import { openRoster, signRoster } from './roster.ts';
import { Secret } from './secret.ts';
import { DOMAIN, EAST, NOW_MS, serial, WEST } from './clusterset.fixture.ts';
import { JoinToken, makeToken } from './token.ts';
import type { TokenState } from './token-ledger.ts';
import { verifySvid } from './verify.ts';

const random = new SystemRandom();
const rootKey = PrivateKey.generate();
const eastKey = PrivateKey.generate();
const founded = foundClusterset({
  domain: DOMAIN,
  dev: false,
  cluster: EAST,
  rootKey,
  caPublicKey: eastKey.publicKey,
  nowMs: NOW_MS,
  serials: { root: serial(), clusterCa: serial() },
});

const token: TokenState = {
  tokenId: 'f'.repeat(32),
  cluster: WEST,
  secret: new Secret(random.bytes(32)),
  expiresAtMs: NOW_MS + 900_000,
};

function input(change: Partial<AdmitInput> = {}, publicKey = PrivateKey.generate().publicKey): AdmitInput {
  return {
    roster: founded.roster,
    token,
    request: { cluster: WEST, publicKey, nonce: random.bytes(16) },
    rootKey,
    rootCertificate: founded.root,
    nowMs: NOW_MS,
    serial: serial(),
    ...change,
  };
}

function reason(change: Partial<AdmitInput>, publicKey?: Uint8Array): string {
  const result = admit(input(change, publicKey));
  return result.ok ? 'ok' : result.reason;
}

function withMember(roster: Roster, member: RosterMember): Roster {
  const members = [...roster.members.filter((other) => other.cluster !== member.cluster), member];
  return { ...roster, version: roster.version + 1, members };
}

test('a founded clusterset has a roster that opens under its root, and a CA whose leaves verify', () => {
  const opened = openRoster({ bytes: signRoster(rootKey, founded.roster), pinnedRoots: [founded.root] });
  assert.ok(opened.ok);
  assert.equal(opened.value.version, 1);
  assert.deepEqual(
    opened.value.members.map((member) => [member.cluster, member.incarnation, member.status]),
    [['east', 1, 'active']],
  );
  const id = { trustDomain: 'east.prod.example.org', path: '/controller' };
  const issued = { issuerKey: eastKey, issuerCertificate: founded.clusterCa, nowMs: NOW_MS, serial: serial() };
  const leaf = issueLeaf({ ...issued, publicKey: PrivateKey.generate().publicKey, id });
  assert.equal(verifySvid({ chain: [leaf], anchors: [founded.clusterCa], atMs: NOW_MS, expected: id }).ok, true);
});

test('an invited cluster becomes a member with a certificate for its own key', () => {
  const publicKey = PrivateKey.generate().publicKey;
  const admitted = admit(input({}, publicKey));
  assert.ok(admitted.ok);
  const { roster, clusterCa, redemption } = admitted.value;
  assert.equal(roster.version, 2);
  assert.deepEqual(
    roster.members.map((member) => member.cluster),
    ['east', 'west'],
  );
  assert.equal(roster.members[0], founded.roster.members[0]);
  assert.deepEqual(roster.members[1]?.caCertificates, [encodeBase64(clusterCa)]);
  assert.deepEqual(redemption, { keyName: keyName(publicKey), rosterVersion: 2 });
  assert.equal(openRoster({ bytes: signRoster(rootKey, roster), pinnedRoots: [founded.root] }).ok, true);
  assert.equal(founded.roster.members.length, 1);
});

test('the roster stays sorted, whatever the name of the new member', () => {
  const cluster = parseClusterId('alpha');
  const request = { cluster, publicKey: PrivateKey.generate().publicKey, nonce: random.bytes(16) };
  const admitted = admit(input({ token: { ...token, cluster }, request }));
  assert.ok(admitted.ok);
  assert.deepEqual(
    admitted.value.roster.members.map((member) => member.cluster),
    ['alpha', 'east'],
  );
});

test("a token opens one door, once, in time, by the authority's clock", () => {
  assert.equal(reason({ token: undefined }), 'TokenUnknown');
  assert.equal(reason({ token: { ...token, cluster: EAST } }), 'TokenCluster');
  assert.equal(reason({ nowMs: token.expiresAtMs - 1 }), 'ok');
  assert.equal(reason({ nowMs: token.expiresAtMs }), 'TokenExpired');
  const redemption = { keyName: keyName(PrivateKey.generate().publicKey), rosterVersion: 2 };
  assert.equal(reason({ token: { ...token, redemption } }), 'TokenUsed');
});

test('a crash after the journal, or after the roster, leads to the same membership and not to a second use', () => {
  const publicKey = PrivateKey.generate().publicKey;
  const first = admit(input({}, publicKey));
  assert.ok(first.ok);
  const used = { ...token, redemption: first.value.redemption };
  const late = token.expiresAtMs + 1;
  const afterJournal = admit(input({ token: used, nowMs: late }, publicKey));
  assert.ok(afterJournal.ok);
  assert.equal(afterJournal.value.roster.version, 2);
  const afterRoster = admit(input({ token: used, nowMs: late, roster: first.value.roster }, publicKey));
  assert.ok(afterRoster.ok);
  assert.equal(afterRoster.value.roster, first.value.roster);
  assert.deepEqual(afterRoster.value.clusterCa, first.value.clusterCa);
});

test('an old request that the store presents again does not bring back a key that was replaced or removed', () => {
  const publicKey = PrivateKey.generate().publicKey;
  const first = admit(input({}, publicKey));
  assert.ok(first.ok);
  const used = { ...token, redemption: first.value.redemption };
  const joined = first.value.roster;
  const second = admit(input({ roster: joined, token: { ...token, tokenId: 'e'.repeat(32) } }));
  assert.ok(second.ok);
  assert.equal(reason({ token: used, roster: second.value.roster }, publicKey), 'TokenUsed');
  const member = joined.members[1];
  assert.ok(member !== undefined);
  for (const status of ['removed', 'quarantined'] as const) {
    assert.equal(reason({ token: used, roster: withMember(joined, { ...member, status }) }, publicKey), 'TokenUsed');
  }
});

test('joining again is a new incarnation with the old CA gone and the limits kept', () => {
  const first = admit(input());
  assert.ok(first.ok);
  const member = first.value.roster.members[1];
  assert.ok(member !== undefined);
  const limited = withMember(first.value.roster, { ...member, exportableNamespaces: ['shop'], servicesMax: 3 });
  const again = admit(input({ roster: limited, nowMs: NOW_MS + 1000, token: { ...token, tokenId: 'e'.repeat(32) } }));
  assert.ok(again.ok);
  const rejoined = again.value.roster.members[1];
  assert.equal(rejoined?.incarnation, 2);
  assert.deepEqual(rejoined?.caCertificates, [encodeBase64(again.value.clusterCa)]);
  assert.equal(rejoined?.joinedAtMs, NOW_MS + 1000);
  assert.deepEqual(rejoined?.exportableNamespaces, ['shop']);
  assert.equal(rejoined?.servicesMax, 3);
  const removed = admit(input({ roster: withMember(limited, { ...member, status: 'removed' }) }));
  assert.equal(removed.ok && removed.value.roster.members[1]?.status, 'active');
});

test('nobody joins while quarantined, with a CA key of another member, or beyond the limit', () => {
  const first = admit(input());
  assert.ok(first.ok);
  const member = first.value.roster.members[1];
  assert.ok(member !== undefined);
  assert.equal(
    reason({ roster: withMember(first.value.roster, { ...member, status: 'quarantined' }) }),
    'MemberQuarantined',
  );
  assert.equal(reason({}, eastKey.publicKey), 'KeyInUse');
  const members = Array.from({ length: 1000 }, () => founded.roster.members[0] ?? member);
  assert.equal(reason({ roster: { ...founded.roster, members } }), 'RosterFull');
});

test('a whole join: token, request, admission, answer, and what the joiner checks before it believes', () => {
  const invitation = makeToken(
    { store: 'x', rootFingerprint: fingerprint(founded.root), clustersetDomain: DOMAIN, cluster: WEST, nowMs: NOW_MS },
    random,
  );
  const key = PrivateKey.generate();
  const request = makeJoinRequest({ token: invitation, key, random });
  const opened = openJoinRequest(request, invitation.secret);
  assert.ok(opened.ok);
  const admitted = admit(input({ request: opened.value, token: invitation }));
  assert.ok(admitted.ok);
  const { clusterCa, roster } = admitted.value;
  const { secret } = invitation;
  const answer = makeJoinAnswer({ secret, nonce: opened.value.nonce, clusterCa, rosterVersion: roster.version });
  const good = { token: invitation, request, answer, rosterBytes: signRoster(rootKey, roster) };
  const accepted = acceptJoinAnswer(good);
  assert.ok(accepted.ok);
  assert.equal(accepted.value.member.incarnation, 1);
  assert.deepEqual(accepted.value.clusterCa, clusterCa);

  const why = (change: Partial<typeof good>): string => {
    const result = acceptJoinAnswer({ ...good, ...change });
    return result.ok ? 'ok' : result.reason;
  };
  assert.equal(why({ rosterBytes: signRoster(rootKey, founded.roster) }), 'RosterTooOld');
  assert.equal(why({ request: makeJoinRequest({ token: invitation, key, random }) }), 'JoinNotAuthentic');
  const { store, tokenId, rootFingerprint, cluster, expiresAtMs, storeSecret } = invitation;
  const elsewhere = { store, tokenId, rootFingerprint, cluster, expiresAtMs, storeSecret, secret };
  const otherSet = new JoinToken({ ...elsewhere, clustersetDomain: 'test.example.org' });
  assert.equal(why({ token: otherSet }), 'WrongClusterset');
  const answered = (der: Uint8Array): Uint8Array =>
    makeJoinAnswer({ secret, nonce: opened.value.nonce, clusterCa: der, rosterVersion: 1 });
  assert.equal(why({ answer: answered(founded.clusterCa) }), 'NotInRoster');
  const other = admit(input());
  assert.ok(other.ok);
  const rosterBytes = signRoster(rootKey, other.value.roster);
  assert.equal(why({ answer: answered(other.value.clusterCa), rosterBytes }), 'WrongKey');
  const strangerKey = PrivateKey.generate();
  const stranger = foundClusterset({
    domain: DOMAIN,
    dev: false,
    cluster: EAST,
    rootKey: strangerKey,
    caPublicKey: eastKey.publicKey,
    nowMs: NOW_MS,
    serials: { root: serial(), clusterCa: serial() },
  });
  assert.equal(why({ rosterBytes: signRoster(strangerKey, stranger.roster) }), 'RootUnknown');
});

test('a member that left is taken off once, and not again after it has come back in another life', () => {
  const admitted = admit(input());
  assert.ok(admitted.ok);
  const { roster } = admitted.value;
  const [member] = roster.members.filter(({ cluster }) => cluster === WEST);
  assert.ok(member !== undefined);
  const leaver = { cluster: WEST, incarnation: member.incarnation };
  const without = retire(roster, leaver, NOW_MS + 1);
  assert.deepEqual(
    without.members.map(({ cluster, status }) => [cluster, status]),
    [
      [EAST, 'active'],
      [WEST, 'removed'],
    ],
  );
  assert.equal(without.version, roster.version + 1);
  assert.equal(retire(without, leaver, NOW_MS + 2), without);
  assert.equal(retire(roster, { ...leaver, incarnation: leaver.incarnation + 1 }, NOW_MS), roster);
});
