import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { x509 as peculiar } from './x509.fixture.ts';
import { fingerprint, fromPem, InvalidPemError, IssuingError, issueLeaf, issueRoot, toPem } from './certificates.ts';
import { distinguishedName } from './certificate-builder.ts';
import { basicConstraints, keyUsage, OID, subjectAltName } from './extensions.ts';
import { PrivateKey } from './private-key.ts';
import { DOMAIN, forgeLeaf, idOf, makeClusterset, NOW_MS, serial, uri } from './clusterset.fixture.ts';
import type { TestClusterset } from './clusterset.fixture.ts';

const HOUR_MS = 3_600_000;

interface Opinion {
  readonly accepted: boolean;
  readonly text: string;
}

/** OpenSSL's opinion of a chain, at the time of the tests. */
async function opensslVerify(
  leaf: Uint8Array,
  anchor: Uint8Array,
  untrusted: readonly Uint8Array[],
  options: readonly string[] = [],
): Promise<Opinion> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-certificates-'));
  try {
    const file = async (name: string, ders: readonly Uint8Array[]): Promise<string> => {
      await writeFile(join(folder, name), toPem(ders));
      return join(folder, name);
    };
    const intermediate = untrusted.length === 0 ? [] : ['-untrusted', await file('untrusted.pem', untrusted)];
    const args = ['verify', '-attime', String(NOW_MS / 1000), ...options];
    args.push('-CAfile', await file('anchor.pem', [anchor]), ...intermediate, await file('leaf.pem', [leaf]));
    return await new Promise((resolve) => {
      execFile('openssl', args, (error, stdout, stderr) =>
        resolve({ accepted: error === null, text: stdout + stderr }),
      );
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const set: TestClusterset = makeClusterset();
const [leaf = new Uint8Array()] = set.east.chain;

test('openssl accepts a leaf under the root, and under its cluster CA as the only anchor', async () => {
  for (const purpose of ['sslclient', 'sslserver']) {
    const underRoot = await opensslVerify(leaf, set.root, [set.east.ca], ['-x509_strict', '-purpose', purpose]);
    assert.equal(underRoot.accepted, true, underRoot.text);
    const underCa = await opensslVerify(leaf, set.east.ca, [], ['-x509_strict', '-partial_chain', '-purpose', purpose]);
    assert.equal(underCa.accepted, true, underCa.text);
  }
});

test("openssl refuses what a cluster's CA signs for another trust domain, and a CA below it", async () => {
  const foreign = forgeLeaf(set.east, { replace: [subjectAltName(uri('spiffe://west.prod.example.org/controller'))] });
  const refused = await opensslVerify(foreign, set.root, [set.east.ca]);
  assert.equal(refused.accepted, false);
  assert.match(refused.text, /permitted subtree violation/);

  const subKey = PrivateKey.generate();
  const name = distinguishedName(set.east.trustDomain, 'a CA of its own');
  const sub = forgeLeaf(set.east, {
    subject: name,
    publicKey: subKey.publicKey,
    replace: [basicConstraints({ ca: true }), keyUsage('keyCertSign')],
    without: OID.subjectAltName,
  });
  const deep = await opensslVerify(forgeLeaf({ caKey: subKey, ca: sub }), set.root, [set.east.ca, sub]);
  assert.equal(deep.accepted, false);
  assert.match(deep.text, /path length constraint exceeded/);
});

test('another X.509 library reads the same certificate and finds the signature good', async () => {
  const read = new peculiar.X509Certificate(leaf);
  const ca = new peculiar.X509Certificate(set.east.ca);
  assert.equal(await read.verify({ publicKey: await ca.publicKey.export(), signatureOnly: true }), true);
  assert.equal(read.subject, '');
  assert.equal(read.issuer, ca.subject);
  const names = read.getExtension(peculiar.SubjectAlternativeNameExtension);
  assert.equal(names?.critical, true);
  assert.deepEqual(names?.names.toJSON(), [{ type: 'url', value: 'spiffe://east.prod.example.org/controller' }]);
  assert.equal(read.getExtension(peculiar.BasicConstraintsExtension)?.ca, false);
  assert.equal(ca.getExtension(peculiar.BasicConstraintsExtension)?.pathLength, 0);
  assert.equal(read.getExtension(peculiar.KeyUsagesExtension)?.usages, peculiar.KeyUsageFlags.digitalSignature);
});

test('the profiles hold: lifetimes, back-dating, serial, subjects', () => {
  const root = new X509Certificate(set.root);
  const ca = new X509Certificate(set.east.ca);
  const svid = new X509Certificate(leaf);
  assert.equal(root.validToDate.getTime() - NOW_MS, 3_650 * 24 * HOUR_MS);
  assert.equal(ca.validToDate.getTime() - NOW_MS, 90 * 24 * HOUR_MS);
  assert.equal(svid.validToDate.getTime() - NOW_MS, 24 * HOUR_MS);
  for (const certificate of [root, ca, svid]) assert.equal(NOW_MS - certificate.validFromDate.getTime(), 5 * 60_000);
  assert.equal(ca.subject, 'DC=org\nDC=example\nDC=prod\nDC=east\nCN=isthmus cluster CA');
  assert.equal(root.checkIssued(root) && root.verify(root.publicKey), true);
  assert.equal(svid.keyUsage?.join(), '1.3.6.1.5.5.7.3.2,1.3.6.1.5.5.7.3.1');
});

test('no certificate outlives its issuer', () => {
  const nearlyOver = NOW_MS + 90 * 24 * HOUR_MS - HOUR_MS;
  const late = issueLeaf({
    issuerKey: set.east.caKey,
    issuerCertificate: set.east.ca,
    publicKey: PrivateKey.generate().publicKey,
    id: idOf(set.east),
    nowMs: nearlyOver,
    serial: serial(),
  });
  assert.equal(new X509Certificate(late).validToDate.getTime(), nearlyOver + HOUR_MS);
});

test('an issuer refuses what it may not or cannot sign', () => {
  const good = {
    issuerKey: set.east.caKey,
    issuerCertificate: set.east.ca,
    publicKey: PrivateKey.generate().publicKey,
    id: idOf(set.east),
    nowMs: NOW_MS,
    serial: serial(),
  };
  const wrong = {
    'identity of another domain': { id: idOf(set.west) },
    'identity in a subdomain': { id: { trustDomain: 'x.east.prod.example.org', path: '/controller' } },
    'longer than a day': { lifetimeMs: 24 * HOUR_MS + 1 },
    'no life at all': { lifetimeMs: 0 },
    'expired issuer': { nowMs: NOW_MS + 91 * 24 * HOUR_MS },
    'key of another issuer': { issuerKey: set.west.caKey },
    'issuer that is a leaf': { issuerKey: set.east.controllerKey, issuerCertificate: leaf },
    'short serial': { serial: new Uint8Array(8).fill(1) },
    'serial of zero': { serial: new Uint8Array(16) },
    'no public key': { publicKey: new Uint8Array(91) },
  };
  for (const [name, change] of Object.entries(wrong)) {
    assert.throws(() => issueLeaf({ ...good, ...change }), IssuingError, name);
  }
});

test('a later root is signed by its predecessor', () => {
  const key = PrivateKey.generate();
  const predecessor = { key: set.rootKey, certificate: set.root };
  const next = new X509Certificate(
    issueRoot({ key, clustersetDomain: DOMAIN, nowMs: NOW_MS, serial: serial(), predecessor }),
  );
  const previous = new X509Certificate(set.root);
  assert.equal(next.checkIssued(previous) && next.verify(previous.publicKey), true);
  assert.equal(next.verify(next.publicKey), false);
});

test('certificates come back from PEM, and anything else in the text is refused', () => {
  const ders = [set.root, set.east.ca, leaf];
  assert.deepEqual(fromPem(toPem(ders)), ders);
  assert.equal(new X509Certificate(toPem([leaf])).fingerprint256.replaceAll(':', '').toLowerCase(), fingerprint(leaf));
  const key = set.rootKey.revealPem();
  for (const text of [
    '',
    'x',
    key,
    toPem(ders) + key,
    key + toPem(ders),
    toPem([leaf]).replace('MII', 'M I='),
    toPem([leaf]).slice(0, -20),
  ]) {
    assert.throws(() => fromPem(text), InvalidPemError);
  }
});
