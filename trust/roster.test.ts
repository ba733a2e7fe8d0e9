import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseClusterId } from '../federation/model/ids.ts';
import { encodeBase64 } from './base64.ts';
import { buildCertificate, distinguishedName } from './certificate-builder.ts';
import { fingerprint, issueClusterCa, issueRoot } from './certificates.ts';
import type { Roster, RosterMember } from './contract.ts';
import type { Extension } from './extensions.ts';
import { basicConstraints, keyUsage } from './extensions.ts';
import { trustDomainConstraints } from './name-constraints.ts';
import { PrivateKey } from './private-key.ts';
import { type OpenRosterInput, openRoster, ROSTER_LIMITS, RosterError, signRoster } from './roster.ts';
import { DOMAIN, makeClusterset, makeMember, NOW_MS, rosterMember, serial, subjectOf } from './clusterset.fixture.ts';

const set = makeClusterset();
const { rootKey, root, east, west, roster } = set;
const bytes = signRoster(rootKey, roster);

function outcome(input: Partial<OpenRosterInput> = {}): string {
  const result = openRoster({ bytes, pinnedRoots: [root], ...input });
  return result.ok ? 'ok' : result.reason;
}

/** The stored form of whatever a test wants signed, also what `signRoster` would refuse. */
function seal(key: PrivateKey, document: unknown, rootDer = root): Uint8Array {
  const payload = Buffer.from(JSON.stringify(document));
  const signature = key.sign(Buffer.concat([Buffer.from('isthmus-roster-v1\n'), payload]));
  const envelope = { payload: encodeBase64(payload), signature: encodeBase64(signature), root: fingerprint(rootDer) };
  return Buffer.from(JSON.stringify(envelope));
}

function content(change: Partial<Record<keyof Roster, unknown>>): string {
  return outcome({ bytes: seal(rootKey, { ...roster, ...change }) });
}

function member(change: Partial<Record<keyof RosterMember, unknown>>): string {
  return content({ members: [{ ...rosterMember(east), ...change }] });
}

function caFor(trustDomain: string, publicKey = PrivateKey.generate().publicKey): string {
  const issued = { issuerKey: rootKey, issuerCertificate: root, nowMs: NOW_MS, serial: serial() };
  return encodeBase64(issueClusterCa({ ...issued, publicKey, trustDomain }));
}

test('a roster comes back as it was signed, for a pin by certificate or by fingerprint', () => {
  const opened = openRoster({ bytes, pinnedRoots: [root] });
  assert.ok(opened.ok);
  assert.deepEqual(opened.value, roster);
  assert.equal(outcome({ pinnedRoots: [fingerprint(root)] }), 'ok');
  assert.equal(outcome({ pinnedRoots: [east.ca, root] }), 'ok');
});

test('a roster under no pinned root, or by another key, is refused', () => {
  assert.equal(outcome({ pinnedRoots: [] }), 'RootUnknown');
  assert.equal(outcome({ pinnedRoots: [east.ca] }), 'RootUnknown');
  assert.equal(outcome({ bytes: seal(east.caKey, roster) }), 'RosterSignature');
  const stranger = makeClusterset();
  assert.equal(outcome({ bytes: signRoster(stranger.rootKey, stranger.roster) }), 'RootUnknown');
  assert.equal(outcome({ bytes: seal(stranger.rootKey, roster, stranger.root) }), 'RootUnknown');
  // A foreign root beside the true one needs the true one's signature on itself.
  const both = { ...roster, roots: [encodeBase64(stranger.root), encodeBase64(root)] };
  assert.equal(outcome({ bytes: seal(stranger.rootKey, both, stranger.root) }), 'RootInvalid');
});

test("a cluster's CA, which the root signed too, is no successor of the root", () => {
  const claims = (claimed: Uint8Array, key: PrivateKey): string =>
    outcome({ bytes: seal(key, { ...roster, roots: [encodeBase64(claimed), ...roster.roots] }, claimed) });
  assert.equal(claims(east.ca, east.caKey), 'RootInvalid');
  // Each of the three signs of a cluster CA (name, path length, constraints) is enough to refuse it.
  const key = PrivateKey.generate();
  const forge = (subject: Uint8Array, extensions: readonly Extension[]): Uint8Array =>
    buildCertificate(rootKey, {
      serial: serial(),
      issuer: subjectOf(root),
      subject,
      notBeforeMs: NOW_MS,
      notAfterMs: NOW_MS + 1000,
      publicKey: key.publicKey,
      extensions: [keyUsage('keyCertSign', 'cRLSign'), ...extensions],
    });
  const unbound = [basicConstraints({ ca: true })];
  assert.equal(claims(forge(subjectOf(root), unbound), key), 'ok');
  assert.equal(claims(forge(subjectOf(east.ca), unbound), key), 'RootInvalid');
  assert.equal(claims(forge(subjectOf(root), [basicConstraints({ ca: true, pathLen: 0 })]), key), 'RootInvalid');
  const bound = [...unbound, trustDomainConstraints(east.trustDomain)];
  assert.equal(claims(forge(subjectOf(root), bound), key), 'RootInvalid');
});

test('a pin leads to the successors of its root and not to its predecessors', () => {
  const nextKey = PrivateKey.generate();
  const issued = { clustersetDomain: DOMAIN, nowMs: NOW_MS, serial: serial() };
  const next = issueRoot({ ...issued, key: nextKey, predecessor: { key: rootKey, certificate: root } });
  const rotated: Roster = { ...roster, version: 2, roots: [encodeBase64(next), encodeBase64(root)] };
  const byNext = signRoster(nextKey, rotated);
  assert.equal(outcome({ bytes: byNext }), 'ok');
  assert.equal(outcome({ bytes: byNext, pinnedRoots: [next] }), 'ok');
  const byOld = signRoster(rootKey, rotated);
  assert.equal(outcome({ bytes: byOld }), 'ok');
  assert.equal(outcome({ bytes: byOld, pinnedRoots: [next] }), 'RootUnknown');
  assert.equal(outcome({ bytes, pinnedRoots: [next] }), 'RootUnknown');
  const unlinked = issueRoot({ ...issued, key: nextKey });
  const claims = { ...rotated, roots: [encodeBase64(unlinked), encodeBase64(root)] };
  assert.equal(outcome({ bytes: seal(nextKey, claims, unlinked) }), 'RootInvalid');
});

test('a roster with any octet changed is refused', () => {
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (position, flip) => {
      const changed = Uint8Array.from(bytes);
      changed[position] = (changed[position] ?? 0) ^ flip;
      assert.notEqual(outcome({ bytes: changed }), 'ok');
    }),
    { numRuns: 300 },
  );
});

test('a roster has one stored form: spaces, other key order and extra keys are refused', () => {
  const envelope = JSON.parse(Buffer.from(bytes).toString()) as Record<string, string>;
  const { payload, signature, root: name } = envelope;
  for (const text of [
    `${JSON.stringify(envelope)}\n`,
    JSON.stringify({ signature, payload, root: name }),
    JSON.stringify({ ...envelope, more: 1 }),
    JSON.stringify({ payload, signature }),
    JSON.stringify({ ...envelope, payload: `${payload} ` }),
    'null',
    '',
    '\ufeff{}',
  ]) {
    assert.equal(outcome({ bytes: Buffer.from(text) }), 'RosterInvalid', text.slice(0, 40));
  }
});

test('form: wrong types, unknown keys and broken limits are refused even with a good signature', () => {
  assert.equal(content({}), 'ok');
  const bad: Partial<Record<keyof Roster, unknown>>[] = [
    { schema: 2 },
    { version: 0 },
    { version: 1.5 },
    { clustersetDomain: 'Prod' },
    { dev: 'yes' },
    { roots: [] },
    { members: {} },
    { members: Array.from({ length: ROSTER_LIMITS.membersMax + 1 }, () => rosterMember(east)) },
  ];
  for (const change of bad) assert.equal(content(change), 'RosterInvalid', JSON.stringify(change).slice(0, 60));
  assert.equal(
    content({ roots: Array.from({ length: ROSTER_LIMITS.rootsMax + 1 }, () => encodeBase64(root)) }),
    'RosterInvalid',
  );
  assert.equal(outcome({ bytes: seal(rootKey, { ...roster, more: 1 }) }), 'RosterInvalid');
  assert.equal(outcome({ bytes: new Uint8Array(ROSTER_LIMITS.bytesMax + 1) }), 'RosterTooLarge');
});

test('members: every field has a form', () => {
  assert.equal(member({}), 'ok');
  assert.equal(
    member({ exportableNamespaces: ['shop'], servicesMax: 5, gatewayRanges: ['192.0.2.0/24', '2001:db8::/32'] }),
    'ok',
  );
  const bad: Partial<Record<keyof RosterMember, unknown>>[] = [
    { cluster: 'East' },
    { incarnation: 0 },
    { status: 'gone' },
    { caCertificates: [] },
    { caCertificates: Array.from({ length: 5 }, () => caFor(east.trustDomain)) },
    { exportableNamespaces: ['Shop'] },
    { gatewayRanges: ['192.0.2.0/33'] },
    { gatewayRanges: ['192.0.2.0'] },
    { gatewayRanges: ['example.org/24'] },
  ];
  for (const change of bad) assert.equal(member(change), 'RosterInvalid', JSON.stringify(change).slice(0, 60));
});

test('members are sorted and unique', () => {
  assert.equal(content({ members: [rosterMember(west), rosterMember(east)] }), 'RosterOrder');
  assert.equal(content({ members: [rosterMember(east), rosterMember(east)] }), 'RosterOrder');
});

test("a member's trust domain is its own name in the clusterset's domain", () => {
  assert.equal(member({ trustDomain: west.trustDomain, caCertificates: [encodeBase64(west.ca)] }), 'MemberTrustDomain');
  assert.equal(member({ trustDomain: `x.${east.trustDomain}` }), 'MemberTrustDomain');
  assert.equal(content({ clustersetDomain: 'example.org' }), 'MemberTrustDomain');
});

test("a member's CA certificate must be exactly what a root issues for it", () => {
  const forge = (extensions: readonly Extension[], key = rootKey): string =>
    encodeBase64(
      buildCertificate(key, {
        serial: serial(),
        issuer: subjectOf(root),
        subject: distinguishedName(east.trustDomain, 'isthmus cluster CA'),
        notBeforeMs: NOW_MS,
        notAfterMs: NOW_MS + 1000,
        publicKey: PrivateKey.generate().publicKey,
        extensions,
      }),
    );
  const profile = [basicConstraints({ ca: true, pathLen: 0 }), keyUsage('keyCertSign', 'cRLSign')];
  const constraints = trustDomainConstraints(east.trustDomain);
  assert.equal(member({ caCertificates: [forge([...profile, constraints])] }), 'ok');
  const bad: Record<string, string> = {
    'of another member': encodeBase64(west.ca),
    'for a wider domain': caFor(DOMAIN),
    'without constraints': forge(profile),
    'with constraints that are not critical': forge([...profile, { ...constraints, critical: false }]),
    'not a CA': forge([basicConstraints({ ca: false }), keyUsage('keyCertSign'), constraints]),
    'without keyCertSign': forge([basicConstraints({ ca: true, pathLen: 0 }), keyUsage('cRLSign'), constraints]),
    'with CAs below it': forge([basicConstraints({ ca: true }), keyUsage('keyCertSign'), constraints]),
    'not signed by a root': forge([...profile, constraints], east.caKey),
    'the root itself': encodeBase64(root),
    garbage: 'AAAA',
    'in loose base64': encodeBase64(east.ca).slice(0, -1),
  };
  for (const [name, text] of Object.entries(bad)) {
    assert.match(member({ caCertificates: [text] }), /^(MemberCa|RosterInvalid)$/, name);
    assert.match(member({ caCertificates: [encodeBase64(east.ca), text] }), /^(MemberCa|RosterInvalid)$/, name);
  }
  assert.equal(member({ caCertificates: [encodeBase64(east.ca), encodeBase64(east.ca)] }), 'MemberCa');
});

test('two members cannot have the same CA key, one member can while it renews', () => {
  const second = caFor(east.trustDomain, east.caKey.publicKey);
  assert.equal(member({ caCertificates: [second, encodeBase64(east.ca)] }), 'ok');
  const copied = { ...rosterMember(west), caCertificates: [caFor(west.trustDomain, east.caKey.publicKey)] };
  assert.equal(content({ members: [rosterMember(east), copied] }), 'MemberCa');
});

test('an expired CA of one member does not keep the others from a new roster', () => {
  const issued = { issuerKey: rootKey, issuerCertificate: root, serial: serial(), trustDomain: east.trustDomain };
  const expired = issueClusterCa({
    ...issued,
    publicKey: east.caKey.publicKey,
    nowMs: NOW_MS - 9000,
    lifetimeMs: 2000,
  });
  assert.equal(member({ caCertificates: [encodeBase64(expired)] }), 'ok');
});

test('signing refuses a roster that no reader would open, and a key that is no root of it', () => {
  assert.throws(() => signRoster(east.caKey, roster), RosterError);
  assert.throws(
    () => signRoster(rootKey, { ...roster, members: [rosterMember(west), rosterMember(east)] }),
    RosterError,
  );
});

test('a hundred members fit and open', () => {
  const members = Array.from({ length: 100 }, (_, index) =>
    rosterMember(makeMember(parseClusterId(`c${String(index).padStart(3, '0')}`), { key: rootKey, certificate: root })),
  );
  const many = signRoster(rootKey, { ...roster, members });
  assert.equal(outcome({ bytes: many }), 'ok');
  assert.ok(many.length < ROSTER_LIMITS.bytesMax / 10, `${many.length} octets`);
});
