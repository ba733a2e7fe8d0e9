import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SystemRandom } from '../runtime/random.ts';
import {
  JOIN_MESSAGE_BYTES_MAX,
  makeJoinAnswer,
  makeJoinRefusal,
  makeJoinRequest,
  openJoinAnswer,
  openJoinRequest,
} from './join-messages.ts';
import { PrivateKey } from './private-key.ts';
import { Secret } from './secret.ts';
import { DOMAIN, makeClusterset, NOW_MS, WEST } from './clusterset.fixture.ts';
import { makeToken } from './token.ts';

const random = new SystemRandom();
const token = makeToken(
  { store: 'x', rootFingerprint: 'a'.repeat(64), clustersetDomain: DOMAIN, cluster: WEST, nowMs: NOW_MS },
  random,
);
const key = PrivateKey.generate();
const request = makeJoinRequest({ token, key, random });
const { west } = makeClusterset();

function reason(result: { ok: true } | { ok: false; reason: string }): string {
  return result.ok ? 'ok' : result.reason;
}

function flipped(bytes: Uint8Array, position: number, flip: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[position] = (changed[position] ?? 0) ^ flip;
  return changed;
}

/** A request that is authentic under the token's secret, whatever stands in it. */
function sealRequest(body: object, signer = key): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(body));
  const signature = signer.sign(Buffer.concat([Buffer.from('isthmus-join-key-v1\n'), bytes]));
  const code = token.secret.authenticate(Buffer.concat([Buffer.from('isthmus-join-request-v1\n'), signature, bytes]));
  const text = (octets: Uint8Array): string => Buffer.from(octets).toString('base64');
  return Buffer.from(JSON.stringify({ body: text(bytes), signature: text(signature), code: text(code) }));
}

test('a request carries the cluster, its CA key and a nonce, and never a private key or the secret', () => {
  const opened = openJoinRequest(request, token.secret);
  assert.ok(opened.ok);
  assert.equal(opened.value.cluster, WEST);
  assert.deepEqual(opened.value.publicKey, key.publicKey);
  assert.equal(opened.value.nonce.length, 16);
  const body = (JSON.parse(Buffer.from(request).toString()) as { body: string }).body;
  const text = Buffer.from(body, 'base64').toString() + Buffer.from(request).toString();
  assert.doesNotMatch(text, /PRIVATE/);
  assert.ok(!text.includes(Buffer.from(token.secret.reveal()).toString('base64')));
});

test('a request under another secret, or with any octet changed, is refused', () => {
  assert.equal(reason(openJoinRequest(request, new Secret(random.bytes(32)))), 'JoinNotAuthentic');
  assert.equal(reason(openJoinRequest(request, token.storeSecret)), 'JoinNotAuthentic');
  fc.assert(
    fc.property(fc.nat(request.length - 1), fc.integer({ min: 1, max: 255 }), (position, flip) => {
      assert.notEqual(reason(openJoinRequest(flipped(request, position, flip), token.secret)), 'ok');
    }),
    { numRuns: 200 },
  );
});

test('a request must prove that its sender has the CA key', () => {
  const nonce = Buffer.from(random.bytes(16)).toString('base64');
  const publicKey = Buffer.from(key.publicKey).toString('base64');
  assert.equal(reason(openJoinRequest(sealRequest({ cluster: WEST, publicKey, nonce }), token.secret)), 'ok');
  const stolen = sealRequest({ cluster: WEST, publicKey, nonce }, PrivateKey.generate());
  assert.equal(reason(openJoinRequest(stolen, token.secret)), 'JoinKeyNotProven');
});

test('an authentic request with bad content is refused', () => {
  const nonce = Buffer.from(random.bytes(16)).toString('base64');
  const publicKey = Buffer.from(key.publicKey).toString('base64');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'der' });
  for (const body of [
    { cluster: 'West', publicKey, nonce },
    { cluster: WEST, publicKey: rsa.toString('base64'), nonce },
    { cluster: WEST, publicKey, nonce: 'AAAA' },
    { cluster: WEST, publicKey, nonce, spiffeId: 'spiffe://victim/controller' },
    { cluster: WEST, publicKey },
  ]) {
    assert.equal(reason(openJoinRequest(sealRequest(body), token.secret)), 'JoinInvalid', JSON.stringify(body));
  }
  const tooLarge = new Uint8Array(JOIN_MESSAGE_BYTES_MAX + 1);
  assert.equal(reason(openJoinRequest(tooLarge, token.secret)), 'JoinTooLarge');
  assert.equal(reason(openJoinRequest(Buffer.from('{'), token.secret)), 'JoinInvalid');
});

test('an answer holds for its own request alone', () => {
  const nonce = random.bytes(16);
  const answer = makeJoinAnswer({ secret: token.secret, nonce, clusterCa: west.ca, rosterVersion: 3 });
  assert.deepEqual(openJoinAnswer(answer, token.secret, nonce), {
    ok: true,
    value: { clusterCa: west.ca, rosterVersion: 3 },
  });
  assert.equal(reason(openJoinAnswer(answer, token.secret, random.bytes(16))), 'JoinNotAuthentic');
  assert.equal(reason(openJoinAnswer(answer, new Secret(random.bytes(32)), nonce)), 'JoinNotAuthentic');
  assert.equal(reason(openJoinAnswer(request, token.secret, nonce)), 'JoinInvalid');
  fc.assert(
    fc.property(fc.nat(answer.length - 1), fc.integer({ min: 1, max: 255 }), (position, flip) => {
      assert.notEqual(reason(openJoinAnswer(flipped(answer, position, flip), token.secret, nonce)), 'ok');
    }),
    { numRuns: 200 },
  );
});

test('a refusal reaches the joiner with its reason and message', () => {
  const nonce = random.bytes(16);
  const refusal = makeJoinRefusal({ secret: token.secret, nonce, reason: 'TokenExpired', message: 'too late' });
  assert.deepEqual(openJoinAnswer(refusal, token.secret, nonce), {
    ok: false,
    reason: 'TokenExpired',
    message: 'too late',
  });
});
