/**
 * Who may connect to a real gateway. A byte from the other side is the proof: in TLS 1.3 a client sees a finished
 * handshake before the server has judged its certificate.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { parseClusterId, serviceKey, servicePortKey } from '../../federation/model/ids.ts';
import { httpSni, tcpSni } from '../../gateway-config/naming.ts';
import { TEST_DOMAIN, TEST_GATEWAY_SET } from '../../gateway-config/testing/scenario.fixture.ts';
import { issueRoot, toPem } from '../../trust/certificates.ts';
import { subjectAltName } from '../../trust/extensions.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { forgeLeaf, serial, uri } from '../../trust/clusterset.fixture.ts';
import type { TestCluster, TestLeaf } from './certificates.ts';
import type { Mesh } from './mesh.ts';
import { startMesh } from './mesh.ts';

const HTTP_NAME = httpSni(parseClusterId('a'), parseClusterId('b'), TEST_DOMAIN);
const TCP_NAME = tcpSni(servicePortKey(serviceKey('shop', 'db'), 5432), HTTP_NAME);
const HTTP2_PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const MINUTE_MS = 60_000;
const SILENCE_MS = 5_000;

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh[Symbol.asyncDispose]());

interface Call {
  readonly leaf?: TestLeaf | undefined;
  readonly sni?: string;
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** True when b sent a byte back to a caller that shows this certificate. */
function isAnswered(kind: 'http' | 'tcp', { leaf, sni, maxVersion }: Call): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port: mesh.b.port,
      rejectUnauthorized: false,
      maxVersion: maxVersion ?? 'TLSv1.3',
      servername: sni ?? (kind === 'http' ? HTTP_NAME : TCP_NAME),
      ALPNProtocols: [kind === 'http' ? 'h2' : 'isthmus-tcp'],
      ...(leaf === undefined ? {} : { cert: leaf.chainPem, key: leaf.keyPem }),
    });
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.on('secureConnect', () => socket.write(kind === 'http' ? HTTP2_PREFACE : 'who\n'));
    socket.on('data', () => {
      resolve(true);
      socket.destroy();
    });
    // A refusal shows as one of several errors; no byte before the close is what counts.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(false));
  });
}

async function assertRefused(call: Call): Promise<void> {
  assert.deepEqual([await isAnswered('http', call), await isAnswered('tcp', call)], [false, false]);
}

function cluster(name: string): TestCluster {
  return mesh.trust.clusters[name] ?? assert.fail(`there is no ${name}`);
}

function forged(issuer: Pick<TestCluster, 'caKey' | 'ca'>, ...uris: readonly string[]): TestLeaf {
  const key = PrivateKey.generate();
  const leaf = forgeLeaf(issuer, {
    publicKey: key.publicKey,
    notBeforeMs: Date.now() - MINUTE_MS,
    notAfterMs: Date.now() + MINUTE_MS,
    replace: [subjectAltName(...uris.map(uri))],
  });
  return { chainPem: toPem([leaf, issuer.ca]), keyPem: key.revealPem() };
}

const A_GATEWAY = `spiffe://a.${TEST_DOMAIN}/gateway/${TEST_GATEWAY_SET}`;
const C_GATEWAY = `spiffe://c.${TEST_DOMAIN}/gateway/${TEST_GATEWAY_SET}`;

describe('the gateway of b', { concurrency: true }, () => {
  test("answers a's gateway on the HTTP and the TCP name", async () => {
    const { gateway } = cluster('a');
    assert.deepEqual(
      [await isAnswered('http', { leaf: gateway }), await isAnswered('tcp', { leaf: gateway })],
      [true, true],
    );
  });

  test('answers a certificate of the same identity that was made a moment ago', async () => {
    assert.equal(await isAnswered('http', { leaf: forged(cluster('a'), A_GATEWAY) }), true);
  });

  test('refuses a caller without a certificate', () => assertRefused({}));

  test("refuses c's certificate on a's names", () => assertRefused({ leaf: cluster('c').gateway }));

  test("refuses a's identity under c's CA", () => assertRefused({ leaf: forged(cluster('c'), A_GATEWAY) }));

  test("refuses both identities under c's CA", () =>
    assertRefused({ leaf: forged(cluster('c'), C_GATEWAY, A_GATEWAY) }));

  test("refuses a's identity under a CA without constraints that nobody anchors", async () => {
    const caKey = PrivateKey.generate();
    const nowMs = Date.now();
    const ca = issueRoot({ key: caKey, clustersetDomain: TEST_DOMAIN, nowMs, serial: serial() });
    await assertRefused({ leaf: forged({ caKey, ca }, A_GATEWAY) });
  });

  test("refuses another identity under a's CA", async () => {
    await assertRefused({ leaf: forged(cluster('a'), `spiffe://a.${TEST_DOMAIN}/gateway/other`) });
    await assertRefused({ leaf: forged(cluster('a'), `spiffe://a.${TEST_DOMAIN}/controller`) });
    await assertRefused({ leaf: forged(cluster('a'), `${A_GATEWAY}/x`) });
  });

  test('refuses TLS 1.2', () => assertRefused({ leaf: cluster('a').gateway, maxVersion: 'TLSv1.2' }));

  test('refuses names that are not granted', async () => {
    const leaf = cluster('a').gateway;
    const unknown = [
      `${'0'.repeat(32)}.${HTTP_NAME}`,
      `c.b.${TEST_DOMAIN}`,
      `a.c.${TEST_DOMAIN}`,
      TCP_NAME.replace('.a.b.', '.c.b.'),
      `b.${TEST_DOMAIN}`,
      'localhost',
    ];
    for (const sni of unknown) await assertRefused({ leaf, sni });
  });
});
