import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { formatObject } from './format.ts';

const HOSTILE = 'a\u001b[2J\u009b2J\u202egnp.exe\u2028b\u007f';

test('no form of a hostile name reaches the terminal as it is, and all read back as the same', async () => {
  const value = { [`key ${HOSTILE}`]: [HOSTILE, { plain: 'name' }], number: 1 };
  for (const format of ['json', 'yaml'] as const) {
    const text = await formatObject(value, format);
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\u202e\u2028]/u);
    assert.deepEqual(format === 'json' ? JSON.parse(text) : parse(text), value);
  }
});

test('any text survives both formats', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), async (name) => {
      const value = { name };
      assert.deepEqual(JSON.parse(await formatObject(value, 'json')), value);
      assert.deepEqual(parse(await formatObject(value, 'yaml')), value);
    }),
    { numRuns: 300 },
  );
});
