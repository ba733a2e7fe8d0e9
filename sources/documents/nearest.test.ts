import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, property, string } from 'fast-check';
import { editDistance, nearest } from './nearest.ts';

const FIELDS = ['network', 'gateways', 'store', 'stateDir', 'podCIDRs', 'zone'];

for (const [typed, meant] of [
  ['netwrok', 'network'],
  ['gateway', 'gateways'],
  ['statedir', 'stateDir'],
  ['podCidrs', 'podCIDRs'],
  ['stroe', 'store'],
  ['zonne', 'zone'],
] as const) {
  test(`${typed} is taken for ${meant}`, () => assert.equal(nearest(typed, FIELDS), meant));
}

for (const typed of ['replicas', 'x', '', 'networknetworknetwork', 'n'.repeat(10_000)]) {
  test(`nothing is suggested for ${JSON.stringify(typed.slice(0, 20))}`, () =>
    assert.equal(nearest(typed, FIELDS), undefined));
}

test('the distance is symmetric, zero only for equal words, and at most the longer length', () => {
  const word = string({ maxLength: 12 });
  assertProperty(
    property(word, word, (left, right) => {
      const distance = editDistance(left, right);
      assert.equal(distance, editDistance(right, left));
      assert.equal(distance === 0, left === right);
      assert.ok(distance <= Math.max(left.length, right.length));
    }),
    { numRuns: 300 },
  );
});
