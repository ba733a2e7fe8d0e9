import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiErrorOf, readStatus } from './status.ts';

test('a Status says its reason, its message and how long to wait', () => {
  const error = apiErrorOf('GET /api/v1/nodes', {
    code: 429,
    retryAfter: '7',
    body: { kind: 'Status', reason: 'TooManyRequests', message: 'slow down', details: { retryAfterSeconds: 1 } },
  });
  assert.equal(error.status, 429);
  assert.equal(error.reason, 'TooManyRequests');
  assert.equal(error.retryAfterMs, 7_000);
  assert.equal(error.message, 'GET /api/v1/nodes: slow down');
});

test('the wait of the Status counts where there is no header, and an endless one is cut', () => {
  const body = { details: { retryAfterSeconds: 100_000 } };
  assert.equal(apiErrorOf('GET /x', { code: 503, body }).retryAfterMs, 120_000);
  assert.equal(apiErrorOf('GET /x', { code: 503, retryAfter: 'Fri, 31 Dec 1999', body: {} }).retryAfterMs, undefined);
});

test('a proxy that answers without a Status is told by its code', () => {
  assert.equal(apiErrorOf('GET /x', { code: 503, body: '<html>' }).reason, 'ServiceUnavailable');
  assert.equal(apiErrorOf('GET /x', { code: 418, body: undefined }).reason, 'Http418');
});

test('what is shaped otherwise than a Status is an empty one', () => {
  for (const body of [undefined, null, 7, 'x', [], { code: 'x', details: 'y' }, { details: { causes: 'z' } }]) {
    const { code, reason, message } = readStatus(body);
    assert.deepEqual([code, reason, message], [undefined, undefined, undefined]);
  }
});
