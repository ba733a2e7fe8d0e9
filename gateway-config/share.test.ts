import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { share, shareList } from './share.ts';

interface Item {
  readonly key: string;
  readonly values: readonly number[];
}

const keyOf = (item: Item): string => item.key;

describe('structural sharing', () => {
  test('equal content keeps the older object, different content does not', () => {
    const before = { a: [1, { b: 2 }], c: undefined };
    assert.equal(share(before, { a: [1, { b: 2 }], c: undefined }), before);
    const other = { a: [1, { b: 3 }], c: undefined };
    assert.equal(share(before, other), other);
    const fewer = { a: [1, { b: 2 }] };
    assert.equal(share<object>(before, fewer), fewer);
  });

  test('objects that are not plain data are equal only to themselves', () => {
    const [one, two] = [new Date(0), new Date(0)];
    assert.equal(share(one, two), two);
  });

  test('a list keeps every equal element, wherever it moved, and itself when nothing changed', () => {
    const list = fc.uniqueArray(
      fc.record(
        { key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), values: fc.array(fc.nat(2), { maxLength: 2 }) },
        { noNullPrototype: true },
      ),
      {
        selector: keyOf,
      },
    );
    fc.assert(
      fc.property(list, list, (before, after) => {
        const shared = shareList<Item>(before, structuredClone(after), keyOf);
        assert.deepEqual(shared, after);
        for (const item of shared) {
          const old = before.find(({ key }) => key === item.key);
          const isEqual = old !== undefined && JSON.stringify(old) === JSON.stringify(item);
          assert.equal(item === old, isEqual);
        }
        assert.equal(shared === before, JSON.stringify(before) === JSON.stringify(after));
      }),
      { numRuns: 200 },
    );
  });
});
