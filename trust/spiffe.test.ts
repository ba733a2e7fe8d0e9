import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId } from '../federation/model/ids.ts';
import { controllerId, formatSpiffeId, gatewayId, InvalidSpiffeIdError, parseSpiffeId } from './spiffe.ts';

const EAST = parseClusterId('east');

test('an identity is read from its text and written back', () => {
  for (const text of [
    'spiffe://east.prod.example.org/controller',
    'spiffe://east.prod.example.org/gateway/one',
    'spiffe://east.prod.example.org/ns/shop/sa/a.b_c-D',
  ]) {
    assert.equal(formatSpiffeId(parseSpiffeId(text)), text);
  }
  assert.equal(formatSpiffeId(controllerId(EAST, 'prod.example.org')), 'spiffe://east.prod.example.org/controller');
  assert.equal(
    formatSpiffeId(gatewayId(EAST, 'prod.example.org', 'one')),
    'spiffe://east.prod.example.org/gateway/one',
  );
});

test('text that a careless reader would take for an identity is refused', () => {
  for (const text of [
    '',
    'spiffe://',
    'spiffe://east',
    'spiffe://east/',
    'SPIFFE://east/controller',
    'spiffe://East/controller',
    'spiffe:///controller',
    'spiffe://east./controller',
    'spiffe://east/controller/',
    'spiffe://east/./controller',
    'spiffe://east/a/../controller',
    'spiffe://east/%2e',
    'spiffe://east:1/controller',
    'spiffe://a@east/controller',
    'spiffe://east/controller#x',
    'spiffe://east/controller?x',
    'spiffe://east/controller\n',
    ' spiffe://east/controller',
    `spiffe://east/${'a'.repeat(2050)}`,
  ]) {
    assert.throws(() => parseSpiffeId(text), InvalidSpiffeIdError, text.slice(0, 40));
  }
  assert.throws(() => gatewayId(EAST, 'prod.example.org', '../controller'), InvalidSpiffeIdError);
});
