import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SeededRandom, SystemRandom } from '../runtime/random.ts';
import { IssuingError } from './certificates.ts';
import { ClusterIssuer, renewAtMs } from './issuer.ts';
import { PrivateKey } from './private-key.ts';
import { InvalidSpiffeIdError } from './spiffe.ts';
import { DOMAIN, EAST, idOf, makeClusterset, NOW_MS, WEST } from './clusterset.fixture.ts';
import { verifySvid } from './verify.ts';

const { east, root } = makeClusterset();
const components = { key: east.caKey, certificate: east.ca, random: new SystemRandom() };
const issuer = new ClusterIssuer(components, { cluster: EAST, clustersetDomain: DOMAIN });
const { publicKey } = PrivateKey.generate();

test('controller and gateway certificates verify under the cluster CA and under the root', () => {
  for (const [svid, path] of [
    [issuer.issueController(publicKey, NOW_MS), '/controller'],
    [issuer.issueGateway('one', publicKey, NOW_MS), '/gateway/one'],
  ] as const) {
    for (const anchor of [east.ca, root]) {
      const verified = verifySvid({ chain: svid.chain, anchors: [anchor], atMs: NOW_MS, expected: idOf(east, path) });
      assert.ok(verified.ok, path);
      assert.deepEqual(verified.value.publicKey, publicKey);
      assert.equal(verified.value.notAfterMs, svid.notAfterMs);
    }
  }
});

test('a lifetime of seconds is possible, and the certificate ends when it says', () => {
  const short = new ClusterIssuer(components, { cluster: EAST, clustersetDomain: DOMAIN, leafLifetimeMs: 10_000 });
  const svid = short.issueGateway('one', publicKey, NOW_MS);
  assert.equal(svid.notAfterMs, NOW_MS + 10_000);
  const at = (atMs: number): boolean =>
    verifySvid({ chain: svid.chain, anchors: [east.ca], atMs, expected: idOf(east, '/gateway/one') }).ok;
  assert.equal(at(NOW_MS + 10_000), true);
  assert.equal(at(NOW_MS + 10_001), false);
});

test('an issuer does not start with a key that is not its own, nor issue for a cluster that is not', () => {
  const other = { ...components, key: PrivateKey.generate() };
  assert.throws(() => new ClusterIssuer(other, { cluster: EAST, clustersetDomain: DOMAIN }), IssuingError);
  const foreign = new ClusterIssuer(components, { cluster: WEST, clustersetDomain: DOMAIN });
  assert.throws(() => foreign.issueController(publicKey, NOW_MS), IssuingError);
  assert.throws(() => issuer.issueGateway('one/../../controller', publicKey, NOW_MS), InvalidSpiffeIdError);
  assert.throws(() => issuer.issueGateway('one', new Uint8Array(91), NOW_MS), IssuingError);
});

test('renewal falls around half of life, always after the issue and well before the end', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 86_400 }), fc.nat(), (lifetimeS, seed) => {
      const init = { cluster: EAST, clustersetDomain: DOMAIN, leafLifetimeMs: lifetimeS * 1000 };
      const svid = new ClusterIssuer(components, init).issueGateway('one', publicKey, NOW_MS);
      const share = (renewAtMs(svid, new SeededRandom(seed)) - NOW_MS) / (lifetimeS * 1000);
      assert.ok(share >= 0.449 && share <= 0.551, String(share));
    }),
    { numRuns: 50 },
  );
});
