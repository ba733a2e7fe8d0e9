import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { z } from 'zod';
import { parseClusterId } from '../federation/model/ids.ts';
import { decodeBase64 } from './base64.ts';
import { fingerprint } from './certificates.ts';
import { verifyHead } from './head-signature.ts';
import { acceptJoinAnswer } from './join.ts';
import { openJoinAnswer, openJoinRequest } from './join-messages.ts';
import { openRoster } from './roster.ts';
import { formatSpiffeId, parseSpiffeId } from './spiffe.ts';
import { parseToken, storeCredential } from './token.ts';
import { verifySvid } from './verify.ts';

/** The vectors of docs/reference/trust.md: what was signed once must open for ever, or mixed versions part ways. */
const octets = z.string().transform((text) => decodeBase64(text) ?? assert.fail('not base64'));
const utf8 = z.string().transform((text) => new TextEncoder().encode(text));
const vectors = z
  .strictObject({
    atMs: z.int(),
    clustersetDomain: z.string(),
    root: z.strictObject({ certificate: octets, fingerprint: z.string() }),
    controller: z.strictObject({ id: z.string(), chain: z.array(octets), publicKey: octets, notAfterMs: z.int() }),
    head: z.strictObject({ text: utf8, signature: octets }),
    roster: z.strictObject({ version: z.int(), members: z.array(z.string()), text: utf8 }),
    token: z.strictObject({
      text: z.string(),
      tokenId: z.string(),
      cluster: z.string(),
      expiresAtMs: z.int(),
      storeCredential: z.string(),
    }),
    join: z.strictObject({ request: utf8, publicKey: octets, nonce: z.string(), answer: utf8, clusterCa: octets }),
  })
  .parse(JSON.parse(readVectors()));

function readVectors(): string {
  const page = readFileSync(new URL('../docs/reference/trust.md', import.meta.url), 'utf8');
  return /```json\n([\s\S]*?)\n```/.exec(page)?.[1] ?? assert.fail('the page has no vectors');
}

function token(): Extract<ReturnType<typeof parseToken>, { ok: true }>['value'] {
  const parsed = parseToken(vectors.token.text);
  return parsed.ok ? parsed.value : assert.fail(parsed.message);
}

test("the documented controller's chain verifies under its CA and under the root", () => {
  const { chain, id, publicKey, notAfterMs } = vectors.controller;
  const expected = parseSpiffeId(id);
  for (const anchor of [chain[1], vectors.root.certificate]) {
    assert.ok(anchor !== undefined);
    const verified = verifySvid({ chain, anchors: [anchor], atMs: vectors.atMs, expected });
    assert.ok(verified.ok);
    assert.equal(formatSpiffeId(verified.value.id), id);
    assert.deepEqual(verified.value.publicKey, publicKey);
    assert.equal(verified.value.notAfterMs, notAfterMs);
  }
  assert.equal(fingerprint(vectors.root.certificate), vectors.root.fingerprint);
});

test('the documented head is signed by that controller', () => {
  const { chain } = vectors.controller;
  const checked = verifyHead({
    cluster: parseClusterId('east'),
    clustersetDomain: vectors.clustersetDomain,
    headBytes: vectors.head.text,
    signature: vectors.head.signature,
    chain,
    anchors: chain.slice(1),
    atMs: vectors.atMs,
  });
  assert.deepEqual(checked, { ok: true, value: true });
});

test('the documented roster opens under the fingerprint of the root', () => {
  const opened = openRoster({ bytes: vectors.roster.text, pinnedRoots: [vectors.root.fingerprint] });
  assert.ok(opened.ok);
  assert.equal(opened.value.version, vectors.roster.version);
  assert.deepEqual(
    opened.value.members.map((member) => member.cluster),
    vectors.roster.members,
  );
});

test('the documented token has the documented fields', () => {
  const { text, storeCredential: credential, ...fields } = vectors.token;
  const { tokenId, cluster, expiresAtMs } = token();
  assert.deepEqual({ tokenId, cluster, expiresAtMs }, fields);
  assert.equal(Buffer.from(storeCredential(token())).toString('hex'), credential);
  assert.equal(token().rootFingerprint, vectors.root.fingerprint);
  assert.equal(token().reveal(), text);
});

test('the documented join opens on both ends, and makes the documented member', () => {
  const { request, publicKey, nonce, answer, clusterCa } = vectors.join;
  const { secret } = token();
  const asked = openJoinRequest(request, secret);
  assert.ok(asked.ok);
  assert.deepEqual(asked.value.publicKey, publicKey);
  assert.equal(Buffer.from(asked.value.nonce).toString('hex'), nonce);
  const answered = openJoinAnswer(answer, secret, asked.value.nonce);
  assert.deepEqual(answered, { ok: true, value: { clusterCa, rosterVersion: vectors.roster.version } });
  const joined = acceptJoinAnswer({ token: token(), request, answer, rosterBytes: vectors.roster.text });
  assert.ok(joined.ok);
  assert.equal(joined.value.member.cluster, 'west');
});
