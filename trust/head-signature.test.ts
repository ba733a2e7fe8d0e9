import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ChainCache } from './chain-cache.ts';
import { issueLeaf } from './certificates.ts';
import { signHead, type VerifyHeadInput, verifyHead } from './head-signature.ts';
import { PrivateKey } from './private-key.ts';
import { DOMAIN, EAST, idOf, makeClusterset, NOW_MS, serial, WEST } from './clusterset.fixture.ts';

const set = makeClusterset();
const { east, west } = set;
const headBytes = new TextEncoder().encode('{"cluster":"east","version":7}');
const signature = signHead(east.controllerKey, headBytes);
const good: VerifyHeadInput = {
  cluster: EAST,
  clustersetDomain: DOMAIN,
  headBytes,
  signature,
  chain: east.chain,
  anchors: [east.ca],
  atMs: NOW_MS,
};

function outcome(change: Partial<VerifyHeadInput> = {}): string {
  const result = verifyHead({ ...good, ...change });
  return result.ok ? 'ok' : result.reason;
}

test("a head holds when its cluster's controller signed these octets", () => {
  assert.equal(outcome(), 'ok');
  assert.equal(signature.length, 64);
});

test("a head is refused under another cluster's name, CA, or controller", () => {
  assert.equal(outcome({ cluster: WEST }), 'TrustDomain');
  assert.equal(outcome({ clustersetDomain: 'test.example.org' }), 'TrustDomain');
  assert.equal(outcome({ anchors: [west.ca] }), 'IssuerUnknown');
  assert.equal(outcome({ chain: west.chain, anchors: [west.ca] }), 'TrustDomain');
  assert.equal(outcome({ signature: signHead(west.controllerKey, headBytes) }), 'HeadSignature');
});

test('only the controller signs heads: a gateway and a workload of the same cluster do not', () => {
  for (const path of ['/gateway/one', '/ns/default/sa/controller', '/controller/x']) {
    const key = PrivateKey.generate();
    const leaf = issueLeaf({
      issuerKey: east.caKey,
      issuerCertificate: east.ca,
      publicKey: key.publicKey,
      id: idOf(east, path),
      nowMs: NOW_MS,
      serial: serial(),
    });
    assert.equal(outcome({ chain: [leaf, east.ca], signature: signHead(key, headBytes) }), 'WrongIdentity', path);
  }
});

test('a signature for another purpose is no head signature', () => {
  assert.equal(outcome({ signature: east.controllerKey.sign(headBytes) }), 'HeadSignature');
  const otherPurpose = Buffer.concat([Buffer.from('isthmus-roster-v1\n'), headBytes]);
  assert.equal(outcome({ signature: east.controllerKey.sign(otherPurpose) }), 'HeadSignature');
});

test('a head with any octet changed, in text, signature or chain, is refused', () => {
  const [leaf = new Uint8Array()] = east.chain;
  const parts = fc.constantFrom('headBytes', 'signature', 'leaf');
  fc.assert(
    fc.property(parts, fc.nat(), fc.integer({ min: 1, max: 255 }), (part, position, flip) => {
      const changed = Uint8Array.from(part === 'leaf' ? leaf : good[part]);
      const at = position % changed.length;
      changed[at] = (changed[at] ?? 0) ^ flip;
      assert.notEqual(outcome(part === 'leaf' ? { chain: [changed, east.ca] } : { [part]: changed }), 'ok');
    }),
    { numRuns: 300 },
  );
});

test('a cached chain gives the same outcomes, also for a wrong signature', () => {
  const cache = new ChainCache();
  assert.equal(outcome({ cache }), 'ok');
  assert.equal(cache.size, 1);
  assert.equal(outcome({ cache }), 'ok');
  assert.equal(outcome({ cache, headBytes: Buffer.from('other') }), 'HeadSignature');
  assert.equal(outcome({ cache, cluster: WEST }), 'TrustDomain');
  assert.equal(outcome({ cache, anchors: [west.ca] }), 'IssuerUnknown');
  assert.equal(cache.size, 1);
});
