import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { buildCertificate, distinguishedName } from './certificate-builder.ts';
import { fromPem, issueClusterCa, issueRoot } from './certificates.ts';
import { encodeDer, octetString, primitive, sequence } from './der.ts';
import type { Extension, GeneralName } from './extensions.ts';
import { basicConstraints, extendedKeyUsage, GENERAL_NAME, keyUsage, OID, subjectAltName } from './extensions.ts';
import { trustDomainConstraints } from './name-constraints.ts';
import { PrivateKey } from './private-key.ts';
import { DOMAIN, forgeLeaf, idOf, makeClusterset, NOW_MS, serial, subjectOf, uri } from './clusterset.fixture.ts';
import { type VerifySvidInput, verifySvid } from './verify.ts';

const set = makeClusterset();
const { east, west } = set;
const OWN = 'spiffe://east.prod.example.org/controller';
const VICTIM = 'spiffe://west.prod.example.org/controller';

function outcome(chain: readonly Uint8Array[], change: Partial<VerifySvidInput> = {}): string {
  const result = verifySvid({ chain, anchors: [east.ca], atMs: NOW_MS, expected: idOf(east), ...change });
  return result.ok ? 'ok' : result.reason;
}

/** A CA certificate for `key` with any extensions, signed by the root. */
function forgeCa(key: PrivateKey, extensions: readonly Extension[]): Uint8Array {
  return buildCertificate(set.rootKey, {
    serial: serial(),
    issuer: subjectOf(set.root),
    subject: distinguishedName(east.trustDomain, 'isthmus cluster CA'),
    notBeforeMs: NOW_MS - 60_000,
    notAfterMs: NOW_MS + 3_600_000,
    publicKey: key.publicKey,
    extensions,
  });
}

const CA_EXTENSIONS = [basicConstraints({ ca: true, pathLen: 0 }), keyUsage('keyCertSign', 'cRLSign')];

test('a chain leads to the cluster CA, with or without it in the chain, and to the root', () => {
  const [leaf] = east.chain;
  assert.ok(leaf !== undefined);
  assert.equal(outcome([leaf]), 'ok');
  assert.equal(outcome(east.chain), 'ok');
  assert.equal(outcome(east.chain, { anchors: [set.root] }), 'ok');
  assert.equal(outcome(east.chain, { expected: { trustDomain: east.trustDomain } }), 'ok');
  const verified = verifySvid({ chain: east.chain, anchors: [east.ca], atMs: NOW_MS, expected: idOf(east) });
  assert.ok(verified.ok);
  assert.deepEqual(verified.value.publicKey, east.controllerKey.publicKey);
  assert.deepEqual(verified.value.id, idOf(east));
  assert.equal(verified.value.notAfterMs, NOW_MS + 24 * 3_600_000);
});

test('a leaf that a test forges without any fault is accepted, so that each fault below is the only one', () => {
  assert.equal(outcome([forgeLeaf(east)]), 'ok');
});

test('names: a certificate speaks for exactly one SPIFFE ID', () => {
  const named = (...names: readonly GeneralName[]): Uint8Array =>
    forgeLeaf(east, { replace: [subjectAltName(...names)] });
  const dns = (text: string): { kind: number; text: string } => ({ kind: GENERAL_NAME.dns, text });
  assert.equal(outcome([named(uri(OWN), uri(VICTIM))]), 'NotOneSpiffeId');
  assert.equal(outcome([named(uri(OWN), uri(OWN))]), 'NotOneSpiffeId');
  assert.equal(outcome([named(...Array.from({ length: 100 }, () => uri(OWN)))]), 'NotOneSpiffeId');
  assert.equal(outcome([named(dns(OWN))]), 'NotOneSpiffeId');
  assert.equal(outcome([named(dns('east.prod.example.org'), uri(OWN))]), 'NotOneSpiffeId');
  assert.equal(outcome([named({ kind: GENERAL_NAME.ip, text: '\x7f\x00\x00\x01' })]), 'NotOneSpiffeId');
  assert.equal(outcome([named()]), 'NotOneSpiffeId');
  assert.equal(outcome([forgeLeaf(east, { without: OID.subjectAltName })]), 'NotOneSpiffeId');
  for (const text of [
    'https://east.prod.example.org/controller',
    'spiffe://EAST.prod.example.org/controller',
    'spiffe://east.prod.example.org/%63ontroller',
    'spiffe://east.prod.example.org//controller',
    'spiffe://east.prod.example.org/x/../controller',
    'spiffe://east.prod.example.org:443/controller',
    'spiffe://user@east.prod.example.org/controller',
    'spiffe://east.prod.example.org/controller?x',
    'spiffe://east.prod.example.org/controller\0',
    'spiffe://east.prod.example.org',
  ]) {
    assert.equal(outcome([named(uri(text))]), 'NotOneSpiffeId', text);
  }
});

test('identity: the trust domain and the path must both be the expected ones', () => {
  assert.equal(outcome(east.chain, { expected: idOf(east, '/gateway/one') }), 'WrongIdentity');
  assert.equal(outcome(east.chain, { expected: idOf(west) }), 'TrustDomain');
  assert.equal(outcome(east.chain, { expected: { trustDomain: DOMAIN } }), 'TrustDomain');
  assert.equal(outcome([forgeLeaf(east, { replace: [subjectAltName(uri(`${OWN}x`))] })]), 'WrongIdentity');
});

test('name constraints: a CA vouches for its own trust domain and no other', () => {
  for (const [host, reason] of [
    ['west.prod.example.org', 'NameConstraint'],
    ['x.east.prod.example.org', 'NameConstraint'],
    ['prod.example.org', 'NameConstraint'],
    ['xeast.prod.example.org', 'NameConstraint'],
  ] as const) {
    const expected = { trustDomain: host, path: '/controller' };
    const foreign = forgeLeaf(east, { replace: [subjectAltName(uri(`spiffe://${host}/controller`))] });
    assert.equal(outcome([foreign, east.ca], { expected }), reason, host);
    assert.equal(outcome([foreign, east.ca], { expected, anchors: [set.root] }), reason, host);
    assert.equal(outcome([foreign, east.ca], { expected, anchors: [west.ca] }), 'IssuerUnknown', host);
  }
  const key = PrivateKey.generate();
  const email = primitive(0x81, Buffer.from('example.org'));
  const odd = {
    ...trustDomainConstraints(DOMAIN),
    value: encodeDer(sequence({ ...sequence(sequence(email)), tagClass: 0x80, type: 0 })),
  };
  const unreadable = forgeCa(key, [...CA_EXTENSIONS, odd]);
  assert.equal(
    outcome([forgeLeaf({ caKey: key, ca: east.ca }), unreadable], { anchors: [set.root] }),
    'CertificateInvalid',
  );
});

test('issuers: only a CA issues, within its path length, and by its own signature', () => {
  const [leaf = new Uint8Array()] = east.chain;
  const below = forgeLeaf({ caKey: east.controllerKey, ca: leaf });
  assert.equal(outcome([below, leaf]), 'IssuerUnknown', 'a leaf used as a CA');
  assert.equal(outcome([below], { anchors: [leaf] }), 'IssuerUnknown', 'a leaf as an anchor');

  const key = PrivateKey.generate();
  const name = distinguishedName(east.trustDomain, 'isthmus cluster CA');
  const issuedBy = (extensions: readonly Extension[]): string =>
    outcome([forgeLeaf({ caKey: key, ca: east.ca }, { issuer: name }), forgeCa(key, extensions)], {
      anchors: [set.root],
    });
  assert.equal(issuedBy(CA_EXTENSIONS), 'ok', 'a good CA');
  assert.equal(issuedBy([keyUsage('keyCertSign')]), 'IssuerNotCa', 'no basic constraints');
  assert.equal(issuedBy([basicConstraints({ ca: false }), keyUsage('keyCertSign')]), 'IssuerNotCa', 'CA:FALSE');
  assert.equal(issuedBy([basicConstraints({ ca: true })]), 'IssuerNotCa', 'no key usage');
  assert.notEqual(issuedBy([basicConstraints({ ca: true }), keyUsage('digitalSignature')]), 'ok', 'no keyCertSign');
  assert.equal(issuedBy([...CA_EXTENSIONS, extendedKeyUsage(OID.serverAuth)]), 'KeyPurpose', 'CA for servers only');

  const subKey = PrivateKey.generate();
  const issued = { issuerKey: east.caKey, issuerCertificate: east.ca, nowMs: NOW_MS, serial: serial() };
  const sub = issueClusterCa({ ...issued, publicKey: subKey.publicKey, trustDomain: east.trustDomain });
  assert.equal(outcome([forgeLeaf({ caKey: subKey, ca: sub }), sub]), 'PathTooLong');
  assert.equal(outcome([forgeLeaf({ caKey: west.caKey, ca: east.ca })]), 'SignatureInvalid', 'name without signature');
  // OpenSSL compares names without regard to case; two readers could then follow two different issuers.
  const otherCase = distinguishedName(east.trustDomain, 'ISTHMUS cluster CA');
  assert.equal(outcome([forgeLeaf(east, { issuer: otherCase })]), 'IssuerUnknown', 'name in another case');
  assert.equal(outcome(west.chain), 'IssuerUnknown');
  assert.equal(outcome([east.ca], { anchors: [set.root] }), 'NotOneSpiffeId', 'a CA as an identity');
});

test('leaves: usage and purpose must be those of an identity', () => {
  assert.equal(outcome([forgeLeaf(east, { replace: [basicConstraints({ ca: true })] })]), 'LeafIsCa');
  assert.equal(outcome([forgeLeaf(east, { replace: [keyUsage('digitalSignature', 'keyCertSign')] })]), 'LeafIsCa');
  assert.equal(outcome([forgeLeaf(east, { replace: [keyUsage('digitalSignature', 'cRLSign')] })]), 'LeafIsCa');
  assert.equal(outcome([forgeLeaf(east, { replace: [keyUsage('keyAgreement')] })]), 'KeyUsage');
  assert.equal(outcome([forgeLeaf(east, { without: OID.keyUsage })]), 'KeyUsage');
  assert.equal(outcome([forgeLeaf(east, { without: OID.extendedKeyUsage })]), 'KeyPurpose');
  for (const purposes of [[OID.clientAuth], [OID.serverAuth], ['1.3.6.1.5.5.7.3.3']]) {
    assert.equal(outcome([forgeLeaf(east, { replace: [extendedKeyUsage(...purposes)] })]), 'KeyPurpose');
  }
});

test('time: five minutes of skew before the start, none after the end, of any certificate on the path', () => {
  const MINUTE_MS = 60_000;
  const leaf = forgeLeaf(east, { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + 10 * MINUTE_MS });
  assert.equal(outcome([leaf], { atMs: NOW_MS - 5 * MINUTE_MS }), 'ok');
  assert.equal(outcome([leaf], { atMs: NOW_MS - 5 * MINUTE_MS - 1 }), 'CertificateNotYetValid');
  assert.equal(outcome([leaf], { atMs: NOW_MS + 10 * MINUTE_MS }), 'ok');
  assert.equal(outcome([leaf], { atMs: NOW_MS + 10 * MINUTE_MS + 1 }), 'CertificateExpired');
  const longLived = forgeLeaf(east, { notAfterMs: NOW_MS + 400 * 24 * 60 * MINUTE_MS });
  assert.equal(outcome([longLived], { atMs: NOW_MS + 91 * 24 * 60 * MINUTE_MS }), 'CertificateExpired', 'the anchor');
});

test('a CA that was renewed with its key is trusted while either certificate is valid', () => {
  const issued = {
    issuerKey: set.rootKey,
    issuerCertificate: set.root,
    serial: serial(),
    trustDomain: east.trustDomain,
  };
  const expired = issueClusterCa({
    ...issued,
    publicKey: east.caKey.publicKey,
    nowMs: NOW_MS - 1000,
    lifetimeMs: 2000,
  });
  const atMs = NOW_MS + 60_000;
  assert.equal(outcome([forgeLeaf(east)], { anchors: [expired], atMs }), 'CertificateExpired');
  assert.equal(outcome([forgeLeaf(east)], { anchors: [expired, east.ca], atMs }), 'ok');
});

test('extensions: an unknown critical one and a repeated one are refused, an unknown harmless one is not', () => {
  const unknown = (critical: boolean): Extension => ({
    oid: '1.3.6.1.4.1.99999.1',
    critical,
    value: encodeDer(octetString(new Uint8Array(3))),
  });
  assert.equal(outcome([forgeLeaf(east, { replace: [unknown(true)] })]), 'CriticalExtensionUnknown');
  assert.equal(outcome([forgeLeaf(east, { replace: [unknown(false)] })]), 'ok');
  const many = Array.from({ length: 33 }, (_, index) => ({ ...unknown(false), oid: `1.3.6.1.4.1.99999.${index}` }));
  assert.equal(outcome([forgeLeaf(east, { replace: many })]), 'CertificateInvalid');
  assert.equal(outcome([forgeLeaf(east, { replace: many.slice(0, 20) })]), 'ok');
  const twice = forgeLeaf(east, { replace: [subjectAltName(uri(OWN)), subjectAltName(uri(VICTIM))] });
  assert.equal(outcome([twice]), 'CertificateInvalid');
});

test('limits: chains, anchors and certificates have a size', () => {
  const [leaf = new Uint8Array()] = east.chain;
  assert.equal(outcome([]), 'ChainEmpty');
  assert.equal(outcome([leaf, east.ca, east.ca, east.ca, east.ca]), 'ChainTooLong');
  assert.equal(outcome([leaf], { anchors: [] }), 'AnchorsMissing');
  assert.equal(outcome([leaf], { anchors: Array.from({ length: 17 }, () => east.ca) }), 'AnchorsTooMany');
  const huge: Extension = {
    oid: '1.3.6.1.4.1.99999.1',
    critical: false,
    value: encodeDer(octetString(new Uint8Array(9000))),
  };
  assert.equal(outcome([forgeLeaf(east, { replace: [huge] })]), 'CertificateTooLarge');
  assert.equal(outcome([new Uint8Array(100)]), 'CertificateInvalid');
  assert.equal(outcome([leaf], { anchors: [new Uint8Array(100)] }), 'AnchorInvalid');
  assert.equal(outcome([Uint8Array.of(...leaf, 0)]), 'CertificateInvalid', 'an octet after the certificate');
});

test('keys: RSA, Ed25519 and other curves are refused, as identities and as CAs', () => {
  const spki = (pair: { publicKey: { export(options: { type: 'spki'; format: 'der' }): Buffer } }): Uint8Array =>
    new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }));
  for (const publicKey of [
    spki(generateKeyPairSync('rsa', { modulusLength: 2048 })),
    spki(generateKeyPairSync('ed25519')),
    spki(generateKeyPairSync('ec', { namedCurve: 'secp384r1' })),
    spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })),
  ]) {
    assert.equal(outcome([forgeLeaf(east, { publicKey })]), 'KeyTypeRefused');
  }
  for (const publicKey of [
    spki(generateKeyPairSync('rsa', { modulusLength: 2048 })),
    spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })),
  ]) {
    const ca = forgeLeaf(
      { caKey: set.rootKey, ca: set.root },
      { publicKey, subject: subjectOf(east.ca), replace: CA_EXTENSIONS },
    );
    assert.equal(
      outcome([forgeLeaf(west, { issuer: subjectOf(east.ca) }), ca], { anchors: [set.root] }),
      'KeyTypeRefused',
    );
  }
});

test('keys: a certificate that OpenSSL made with RSA, or with SHA-1, is refused before its chain is looked at', () => {
  const make = (...key: readonly string[]): Uint8Array => {
    const args = [
      'req',
      '-x509',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      '/CN=x',
      '-addext',
      `subjectAltName=URI:${OWN}`,
    ];
    const pem = execFileSync('openssl', [...args, '-newkey', ...key], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return fromPem(pem)[0] ?? new Uint8Array();
  };
  assert.equal(outcome([make('rsa:2048')]), 'KeyTypeRefused');
  assert.equal(outcome([make('ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha1')]), 'KeyTypeRefused');
  assert.equal(outcome([make('ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha256')]), 'IssuerUnknown');
});

test('a certificate with one changed octet is never accepted', () => {
  const [leaf = new Uint8Array()] = east.chain;
  fc.assert(
    fc.property(fc.nat(leaf.length - 1), fc.integer({ min: 1, max: 255 }), (position, flip) => {
      const changed = Uint8Array.from(leaf);
      changed[position] = (changed[position] ?? 0) ^ flip;
      assert.notEqual(outcome([changed]), 'ok');
    }),
    { numRuns: 300 },
  );
});

test('a signature that claims another algorithm outside than inside is refused', () => {
  // Only the inner algorithm is signed, so a verifier that trusts the outer one can be led astray.
  const [leaf = new Uint8Array()] = east.chain;
  const changed = Uint8Array.from(leaf);
  const inner = Buffer.from(leaf).lastIndexOf(Buffer.from('2a8648ce3d040302', 'hex'));
  changed[inner + 7] = 3;
  assert.notEqual(outcome([changed]), 'ok');
});

test('the anchor must be handed in: a self-made root in the chain convinces nobody', () => {
  const key = PrivateKey.generate();
  const root = issueRoot({ key, clustersetDomain: DOMAIN, nowMs: NOW_MS, serial: serial() });
  const caKey = PrivateKey.generate();
  const issued = { issuerKey: key, issuerCertificate: root, nowMs: NOW_MS, serial: serial() };
  const ca = issueClusterCa({ ...issued, publicKey: caKey.publicKey, trustDomain: east.trustDomain });
  const chain = [forgeLeaf({ caKey, ca }), ca, root];
  assert.equal(outcome(chain, { anchors: [root] }), 'ok');
  assert.notEqual(outcome(chain), 'ok');
  assert.notEqual(outcome(chain, { anchors: [set.root] }), 'ok');
});
