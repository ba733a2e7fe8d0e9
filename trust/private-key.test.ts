import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { InvalidKeyError, PrivateKey, verifySignature } from './private-key.ts';

const DATA = new TextEncoder().encode('what is signed');

test('a private key shows [redacted] as text, as JSON and when inspected', () => {
  const key = PrivateKey.generate();
  const forms = [String(key), key.toString(), JSON.stringify({ key }), inspect(key), inspect({ nested: [key] })];
  for (const form of forms) {
    assert.match(form, /\[redacted\]/);
    assert.doesNotMatch(form, /BEGIN|PRIVATE|KeyObject/);
  }
});

test('a signature is 64 octets and holds for its key and data alone', () => {
  const key = PrivateKey.generate();
  const signature = key.sign(DATA);
  assert.equal(signature.length, 64);
  assert.equal(verifySignature(key.publicKey, DATA, signature), true);
  assert.equal(verifySignature(PrivateKey.generate().publicKey, DATA, signature), false);
  assert.equal(verifySignature(key.publicKey, DATA.subarray(1), signature), false);
});

test('every signature of its key is taken, also those whose numbers begin with zeros, and none with a bit turned', () => {
  const key = PrivateKey.generate();
  for (let round = 0; round < 600; round += 1) {
    const data = new TextEncoder().encode(`round ${round}`);
    const signature = key.sign(data);
    assert.equal(verifySignature(key.publicKey, data, signature), true);
    signature[round % signature.length] = (signature[round % signature.length] ?? 0) ^ 1;
    assert.equal(verifySignature(key.publicKey, data, signature), false);
  }
  for (const octet of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
    assert.equal(verifySignature(key.publicKey, DATA, new Uint8Array(64).fill(octet)), false);
  }
});

test('a key comes back from its PEM as the same key', () => {
  const key = PrivateKey.generate();
  const again = PrivateKey.fromPem(key.revealPem());
  assert.deepEqual(again.publicKey, key.publicKey);
  assert.equal(verifySignature(key.publicKey, DATA, again.sign(DATA)), true);
});

test('keys of other kinds are refused, and no error quotes them', () => {
  const pems = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    generateKeyPairSync('ed25519').privateKey,
    generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey,
  ].map((key) => key.export({ type: 'pkcs8', format: 'pem' }).toString());
  for (const pem of [...pems, '', 'no key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n']) {
    assert.throws(
      () => PrivateKey.fromPem(pem),
      (error) => error instanceof InvalidKeyError && !error.message.includes('AAAA'),
    );
  }
});

test('verifying never throws, whatever it is given for a key or a signature', () => {
  const key = PrivateKey.generate();
  const signature = key.sign(DATA);
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'der' });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey.export({ type: 'spki', format: 'der' });
  for (const publicKey of [new Uint8Array(), new Uint8Array(91), key.publicKey.subarray(1), rsa, p384]) {
    assert.equal(verifySignature(publicKey, DATA, signature), false);
  }
  for (const wrong of [new Uint8Array(), new Uint8Array(64), signature.subarray(1), key.signDer(DATA)]) {
    assert.equal(verifySignature(key.publicKey, DATA, wrong), false);
  }
});
