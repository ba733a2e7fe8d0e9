import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { addressInRange, isAddress, isRange, parseRange, rangeContains, rangesOverlap } from './ranges.ts';

function range(text: string): NonNullable<ReturnType<typeof parseRange>> {
  const parsed = parseRange(text);
  assert.ok(parsed, text);
  return parsed;
}

describe('ranges of addresses', () => {
  test('are ADDRESS/PREFIX with all host bits zero, in both families', () => {
    for (const good of ['10.0.0.0/24', '0.0.0.0/0', '192.0.2.1/32', 'fd00::/8', '::/0', 'fd00::1/128'])
      assert.ok(isRange(good), good);
    for (const bad of [
      '10.0.0.0',
      '10.0.0.1/24',
      '10.0.0.0/33',
      '10.0.0/24',
      'fd00::1/64',
      '10.0.0.0/',
      '10.0.0.0/-1',
      '10.0.0.0/2 4',
      '/8',
      'x/8',
      '0x0a.0.0.0/8',
    ]) {
      assert.ok(!isRange(bad), bad);
    }
  });

  test('addresses are dotted quads or IPv6, nothing that only looks like one', () => {
    for (const good of ['10.0.0.1', '::1', 'fd00:ec2::254']) assert.ok(isAddress(good), good);
    for (const bad of ['10.1', '010.0.0.1', '0x7f000001', '10.0.0.256', 'gw.example.org', ''])
      assert.ok(!isAddress(bad), bad);
  });

  test('overlap when one holds the other, and never across families', () => {
    assert.ok(rangesOverlap(range('10.0.0.0/8'), range('10.5.0.0/16')));
    assert.ok(!rangesOverlap(range('10.0.0.0/24'), range('10.0.1.0/24')));
    assert.ok(!rangesOverlap(range('0.0.0.0/0'), range('::/0')));
  });

  test('count addresses from their first one', () => {
    assert.equal(addressInRange(range('10.0.0.0/24'), 10), '10.0.0.10');
    assert.equal(addressInRange(range('10.0.0.0/30'), 4), undefined);
    assert.equal(addressInRange(range('fd00::/64'), 300), 'fd00::12c');
  });

  test('two ranges overlap exactly when one holds the first address of the other', () => {
    const any = fc.tuple(fc.nat({ max: 0xff }), fc.integer({ min: 0, max: 8 })).map(([octet, bits]) => {
      const first = (octet >> bits) << bits;
      return { text: `10.0.0.${first}/${32 - bits}`, first: `10.0.0.${first}` };
    });
    fc.assert(
      fc.property(any, any, (left, right) => {
        const holds = rangeContains(range(left.text), right.first) || rangeContains(range(right.text), left.first);
        assert.equal(rangesOverlap(range(left.text), range(right.text)), holds);
      }),
      { numRuns: 200 },
    );
  });
});
