import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SortedMap } from './sorted-map.ts';

const key = fc.stringMatching(/^[a-d]{1,4}$/);
const edits = fc.array(fc.tuple(key, fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined })), {
  maxLength: 200,
});

function applied(
  start: ReadonlyMap<string, number>,
  edit: ReadonlyMap<string, number | undefined>,
): Map<string, number> {
  const after = new Map(start);
  for (const [name, value] of edit) {
    if (value === undefined) after.delete(name);
    else after.set(name, value);
  }
  return after;
}

function sorted(map: ReadonlyMap<string, number>): [string, number][] {
  return [...map].sort((left, right) => (left[0] < right[0] ? -1 : 1));
}

test('it holds what an ordinary map holds after the same edits, in the order of the keys', () => {
  const check = (all: (readonly [string, number | undefined][])[]): void => {
    let plain = new Map<string, number>();
    let map = SortedMap.empty<string, number>();
    for (const list of all) {
      const edit = new Map(list);
      plain = applied(plain, edit);
      map = map.with(edit);
      assert.deepEqual([...map], sorted(plain));
      assert.equal(map.size, plain.size);
      for (const [name] of list) assert.equal(map.get(name), plain.get(name));
      for (const [name] of list) assert.equal(map.has(name), plain.has(name));
    }
  };
  fc.assert(fc.property(fc.array(edits, { maxLength: 6 }), check), { numRuns: 200 });
});

test('the changed keys are those whose values differ', () => {
  fc.assert(
    fc.property(edits, edits, (first, second) => {
      const before = SortedMap.empty<string, number>().with(new Map(first));
      const after = before.with(new Map(second));
      const names = new Set([...before.keys(), ...after.keys()]);
      const expected = [...names].filter((name) => before.get(name) !== after.get(name)).sort();
      assert.deepEqual(SortedMap.changedKeys(before, after), expected);
      assert.deepEqual(SortedMap.changedKeys(after, before), expected);
    }),
    { numRuns: 300 },
  );
});

test('entries in any order come out sorted, and the last of a key counts', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.integer())), (entries) => {
      assert.deepEqual([...SortedMap.from(entries)], sorted(new Map(entries)));
    }),
  );
});

test('an edit without effect gives back the same map, and so does making a map of a map', () => {
  const map = SortedMap.from<string, number>([
    ['a', 1],
    ['b', 2],
  ]);
  assert.equal(map.with(new Map([['a', 1]])), map);
  assert.equal(map.with(new Map([['c', undefined]])), map);
  assert.equal(SortedMap.from(map), map);
});

test('one change among 100,000 entries is found, and everything else keeps its identity', () => {
  const entries = Array.from(
    { length: 100_000 },
    (_, index) => [`k-${String(index).padStart(6, '0')}`, { index }] as const,
  );
  const before = SortedMap.from(entries);
  const after = before.with(new Map([['k-050000', { index: -1 }]]));
  assert.deepEqual(SortedMap.changedKeys(before, after), ['k-050000']);
  assert.equal(after.get('k-049999'), before.get('k-049999'));
  assert.equal(after.size, 100_000);
});
