import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { openSections, sealSections } from './sealed-sections.ts';

const sections = fc.uniqueArray(fc.tuple(fc.string({ maxLength: 20 }), fc.uint8Array({ maxLength: 60 })), {
  selector: ([name]) => new TextDecoder().decode(new TextEncoder().encode(name)),
  maxLength: 8,
});

test('what was sealed opens to the same sections in the same order', () => {
  fc.assert(
    fc.property(sections, (entries) => {
      const wellFormed = entries.map(([name, bytes]) => [name.toWellFormed(), bytes] as const);
      const opened = openSections(sealSections(new Map(wellFormed)));
      assert.ok(opened);
      assert.deepEqual(
        [...opened].map(([name, bytes]) => [name, [...bytes]]),
        wellFormed.map(([name, bytes]) => [name, [...bytes]]),
      );
    }),
    { numRuns: 200 },
  );
});

test('one changed octet, one cut off or one added opens nothing', () => {
  const sealed = sealSections(
    new Map([
      ['head', new Uint8Array([1, 2, 3])],
      ['record:cluster', new Uint8Array(40)],
    ]),
  );
  for (let index = 0; index < sealed.length; index++) {
    const flipped = sealed.slice();
    flipped[index] = (flipped[index] ?? 0) ^ 0x40;
    assert.equal(openSections(flipped), undefined, `octet ${index}`);
    assert.equal(openSections(sealed.slice(0, index)), undefined, `cut at ${index}`);
  }
  assert.equal(openSections(new Uint8Array([...sealed, 0])), undefined);
});
