import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { KubeApiError, type KubeRequest, KubeUnreachableError } from './api/transport.ts';
import { BAD_FOR_MS, GOOD_FOR_MS, TokenReviewer } from './token-review.ts';

const USER = 'system:serviceaccount:isthmus-system:isthmus-gateway';
const AUDIENCE = 'isthmus.dev/gateway';
const POD = 'isthmus-gateway-1';

function tokenOf(clock: ManualClock, claims: Record<string, unknown> = {}): string {
  const payload = {
    sub: USER,
    aud: [AUDIENCE],
    exp: Math.floor(clock.epochMs() / 1000) + 3_600,
    'kubernetes.io': { pod: { name: POD } },
    ...claims,
  };
  return `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`;
}

const GOOD = {
  authenticated: true,
  audiences: [AUDIENCE],
  user: { username: USER, extra: { 'authentication.kubernetes.io/pod-name': [POD] } },
};

/** An API server that judges as it is told to, and can be dark. */
function reviewer() {
  const clock = new ManualClock();
  const api: { answer: unknown; failure: Error | undefined } = { answer: { status: GOOD }, failure: undefined };
  const asked: KubeRequest[] = [];
  const call = async (request: KubeRequest): Promise<unknown> => {
    asked.push(request);
    if (api.failure !== undefined) throw api.failure;
    return api.answer;
  };
  const made = new TokenReviewer({ clock, log: silentLogger, transport: { call } }, { namespace: 'isthmus-system' });
  return { clock, api, asked, judge: (token: string, claimed = POD) => made.authenticate(token, claimed) };
}

test('a gateway pod is who the API server says it is, and is asked about once a minute', async () => {
  const { clock, asked, judge } = reviewer();
  const token = tokenOf(clock);
  assert.deepEqual(await judge(token), { kind: 'admitted', gateway: POD });
  await judge(token);
  await clock.advance(GOOD_FOR_MS - 1);
  await judge(token);
  assert.equal(asked.length, 1);
  const [{ method, path, body } = { method: 'GET', path: '' }] = asked;
  assert.deepEqual([method, path], ['POST', '/apis/authentication.k8s.io/v1/tokenreviews']);
  assert.deepEqual((body as { spec: unknown }).spec, { token, audiences: [AUDIENCE] }); // what we sent
  await clock.advance(1);
  await judge(token);
  assert.equal(asked.length, 2);
});

test('a pod may speak for itself only', async () => {
  const { clock, judge } = reviewer();
  const verdict = await judge(tokenOf(clock), 'isthmus-gateway-2');
  assert.deepEqual([verdict.kind, verdict.kind === 'refused' && verdict.reason], ['refused', 'WrongGateway']);
});

test('what cannot be right is refused without a question to the API server', async () => {
  const { clock, asked, judge } = reviewer();
  const wrong: readonly (readonly [string, string])[] = [
    ['not a token', 'NotAServiceAccountToken'],
    ['a.b.c', 'NotAServiceAccountToken'],
    [`${tokenOf(clock)}${'x'.repeat(9_000)}`, 'NotAServiceAccountToken'],
    [tokenOf(clock, { sub: 'system:serviceaccount:isthmus-system:default' }), 'WrongServiceAccount'],
    [tokenOf(clock, { sub: 'system:serviceaccount:other:isthmus-gateway' }), 'WrongServiceAccount'],
    [tokenOf(clock, { aud: ['https://kubernetes.default.svc'] }), 'WrongAudience'],
    [tokenOf(clock, { exp: undefined }), 'Unbounded'],
    [tokenOf(clock, { exp: Math.floor(clock.epochMs() / 1000) - 120 }), 'Expired'],
    [tokenOf(clock, { 'kubernetes.io': {} }), 'NoPod'],
  ];
  for (const [token, reason] of wrong) {
    const verdict = await judge(token);
    assert.equal(verdict.kind === 'refused' ? verdict.reason : verdict.kind, reason);
  }
  assert.equal(asked.length, 0);
});

test('the claims of a token prove nothing: each answer of the API server that is not a whole yes is a no', async () => {
  const { clock, api, judge } = reviewer();
  const answers: readonly (readonly [unknown, string])[] = [
    [{}, 'NotAuthenticated'],
    [{ ...GOOD, authenticated: false, error: 'token is expired' }, 'NotAuthenticated'],
    [{ ...GOOD, audiences: undefined }, 'WrongAudience'],
    [{ ...GOOD, audiences: ['other'] }, 'WrongAudience'],
    [{ ...GOOD, user: { ...GOOD.user, username: 'system:serviceaccount:x:y' } }, 'WrongServiceAccount'],
    [{ ...GOOD, user: { username: USER } }, 'NoPod'],
  ];
  for (const [index, [status, reason]] of answers.entries()) {
    api.answer = { status };
    const verdict = await judge(tokenOf(clock, { jti: index }));
    assert.equal(verdict.kind === 'refused' ? verdict.reason : verdict.kind, reason);
  }
});

test('a refusal is kept shortly, so that a token which the API server learns of is let in', async () => {
  const { clock, api, asked, judge } = reviewer();
  const token = tokenOf(clock);
  api.answer = { status: { authenticated: false } };
  assert.equal((await judge(token)).kind, 'refused');
  api.answer = { status: GOOD };
  assert.equal((await judge(token)).kind, 'refused');
  assert.equal(asked.length, 1);
  await clock.advance(BAD_FOR_MS);
  assert.equal((await judge(token)).kind, 'admitted');
});

test('while the API server is dark a known token is good until it expires, and a new one waits', async () => {
  const { clock, api, judge } = reviewer();
  const token = tokenOf(clock);
  await judge(token);
  for (const failure of [
    new KubeUnreachableError('connection refused'),
    new KubeApiError('not allowed', { status: 403, reason: 'Forbidden' }),
  ]) {
    api.failure = failure;
    await clock.advance(10 * GOOD_FOR_MS);
    assert.deepEqual(await judge(token), { kind: 'admitted', gateway: POD });
    assert.equal((await judge(tokenOf(clock, { jti: 'new' }))).kind, 'unknown');
  }
  await clock.advance(3_600_000);
  const late = await judge(token);
  assert.equal(late.kind === 'refused' && late.reason, 'Expired');
});

test('calls that come together are one question, and strangers cannot make more than a few at once', async () => {
  const { clock, asked, judge } = reviewer();
  const token = tokenOf(clock);
  await Promise.all(Array.from({ length: 50 }, () => judge(token)));
  assert.equal(asked.length, 1);
  const strangers = Array.from({ length: 50 }, (_, index) => judge(tokenOf(clock, { jti: `s${index}` })));
  const verdicts = await Promise.all(strangers);
  assert.equal(asked.length, 1 + 16);
  assert.equal(verdicts.filter(({ kind }) => kind === 'unknown').length, 34);
});

test('an answer that is no TokenReview judges nobody', async () => {
  const { clock, api, judge } = reviewer();
  api.answer = { kind: 'Status' };
  assert.equal((await judge(tokenOf(clock))).kind, 'unknown');
});
