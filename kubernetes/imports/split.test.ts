import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitStably } from './split.ts';

const KEYS = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { maxLength: 120 });

function placesOf(keys: readonly string[], sizeMax: number): ReadonlyMap<string, string> {
  const shares = splitStably(keys, (key) => key, sizeMax);
  return new Map(shares.flatMap(({ name, items }) => items.map((item) => [item, name] as const)));
}

test('every item is in exactly one share, and no share is too large', () => {
  fc.assert(
    fc.property(KEYS, fc.integer({ min: 1, max: 20 }), (keys, sizeMax) => {
      const shares = splitStably(keys, (key) => key, sizeMax);
      assert.deepEqual(shares.flatMap(({ items }) => items).sort(), [...keys].sort());
      assert.ok(shares.every(({ items }) => items.length <= sizeMax));
      assert.equal(new Set(shares.map(({ name }) => name)).size, shares.length);
    }),
  );
});

test('where an item lies does not depend on the order in which they come', () => {
  fc.assert(
    fc.property(KEYS, (keys) => {
      const reversed = placesOf(keys.toReversed(), 10);
      for (const [key, place] of placesOf(keys, 10)) assert.equal(reversed.get(key), place);
    }),
  );
});

test('one more item moves only items of the share that it comes to', () => {
  fc.assert(
    fc.property(KEYS, fc.string({ minLength: 9, maxLength: 9 }), (keys, added) => {
      const before = placesOf(keys, 10);
      const after = placesOf([...keys, added], 10);
      const place = after.get(added) ?? '';
      for (const key of keys) {
        const [old = '', now = ''] = [before.get(key), after.get(key)];
        assert.ok(old === now || place.startsWith(old), `${key} moved from ${old} to ${now}`);
      }
    }),
  );
});
