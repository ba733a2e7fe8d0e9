import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { SeededRandom, SystemRandom } from '../runtime/random.ts';
import { DOMAIN, NOW_MS, WEST } from './clusterset.fixture.ts';
import { makeToken, parseToken, storeCredential, TOKEN_LIFETIME_MS } from './token.ts';

const init = {
  store: 'isthmus://store.example.org:15090?pin=ab',
  rootFingerprint: 'a'.repeat(64),
  clustersetDomain: DOMAIN,
  cluster: WEST,
  nowMs: NOW_MS,
};

function reason(text: string): string {
  const parsed = parseToken(text);
  return parsed.ok ? 'ok' : parsed.reason;
}

test('a token comes back from its text with everything in it', () => {
  const token = makeToken(init, new SystemRandom());
  const parsed = parseToken(`  ${token.reveal()}\n`);
  assert.ok(parsed.ok);
  for (const field of ['store', 'tokenId', 'rootFingerprint', 'clustersetDomain', 'cluster', 'expiresAtMs'] as const) {
    assert.equal(parsed.value[field], token[field]);
  }
  assert.deepEqual(parsed.value.secret.reveal(), token.secret.reveal());
  assert.deepEqual(parsed.value.storeSecret.reveal(), token.storeSecret.reveal());
  assert.equal(token.expiresAtMs, NOW_MS + 15 * 60_000);
  assert.equal(TOKEN_LIFETIME_MS, 15 * 60_000);
});

test('a token shows neither of its secrets as text, as JSON or when inspected', () => {
  const token = makeToken(init, new SystemRandom());
  const secrets = [token.secret.reveal(), token.storeSecret.reveal()].flatMap((octets) => {
    const buffer = Buffer.from(octets);
    return [buffer.toString('base64url'), buffer.toString('base64'), buffer.toString('hex'), [...octets].join(', ')];
  });
  const forms = [
    String(token),
    JSON.stringify(token),
    inspect(token, { depth: 9, showHidden: true }),
    inspect([{ token }]),
  ];
  for (const form of forms) {
    assert.match(form, /\[redacted\]/);
    for (const secret of secrets) assert.ok(!form.includes(secret));
  }
  assert.ok(!token.reveal().includes('[redacted]'));
});

test('the two secrets differ, and the store knows only the hash of its own', () => {
  const token = makeToken(init, new SystemRandom());
  assert.notDeepEqual(token.secret.reveal(), token.storeSecret.reveal());
  const expected = createHash('sha256').update(token.storeSecret.reveal()).digest();
  assert.deepEqual(Buffer.from(storeCredential(token)), expected);
  assert.equal(token.secret.reveal().length, 32);
});

test('text that is not a whole token is refused, and no message quotes it', () => {
  const text = makeToken(init, new SystemRandom()).reveal();
  const rest = text.slice('isthmus1.'.length);
  const json = (content: unknown): string => `isthmus1.${Buffer.from(JSON.stringify(content)).toString('base64url')}`;
  const content = JSON.parse(Buffer.from(rest, 'base64url').toString()) as Record<string, unknown>;
  const broken = [
    '',
    rest,
    `isthmus2.${rest}`,
    text.slice(0, -10),
    `${text}=`,
    `${text.slice(0, 60)} ${text.slice(60)}`,
    `isthmus1.${'A'.repeat(9000)}`,
    json([]),
    json({ ...content, more: 1 }),
    json({ ...content, secret: 'short' }),
    json({ ...content, cluster: 'West' }),
    json({ ...content, rootFingerprint: 'x' }),
    json({ ...content, store: 'x'.repeat(3000) }),
    json({ ...content, expiresAtMs: -1 }),
  ];
  const secret = String(content['secret']);
  for (const candidate of broken) {
    const parsed = parseToken(candidate);
    assert.ok(!parsed.ok, candidate.slice(0, 80));
    assert.equal(parsed.reason, 'TokenInvalid');
    assert.ok(!parsed.message.includes(secret.slice(0, 8)) && !parsed.message.includes(rest.slice(0, 20)));
  }
  assert.equal(reason(json(content)), 'ok');
});

test('any text is parsed or refused, without an exception', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      assert.equal(reason(text), 'TokenInvalid');
      assert.equal(reason(`isthmus1.${text}`), 'TokenInvalid');
    }),
    { numRuns: 200 },
  );
});

test('the same randomness makes the same token, so randomness is all that is secret', () => {
  assert.equal(makeToken(init, new SeededRandom(7)).reveal(), makeToken(init, new SeededRandom(7)).reveal());
  assert.notEqual(makeToken(init, new SeededRandom(7)).tokenId, makeToken(init, new SeededRandom(8)).tokenId);
});
