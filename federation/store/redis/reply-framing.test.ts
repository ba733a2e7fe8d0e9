import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ReplyFraming } from './reply-framing.ts';

const { replies } = fc.letrec<{ replies: string }>((tie) => ({
  replies: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('+OK\r\n', '-ERR no\r\n', ':-12\r\n', '$-1\r\n', '*-1\r\n', '*0\r\n', '$0\r\n\r\n'),
    fc.string({ maxLength: 30 }).map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`),
    fc.constantFrom('*9999999999\r\n', '\r\n$5\r\n', '~1\r\n').map((text) => `$${text.length}\r\n${text}\r\n`),
    fc.array(tie('replies'), { maxLength: 4 }).map((items) => `*${items.length}\r\n${items.join('')}`),
  ),
}));

/** Read in pieces of these sizes, and again. */
function read(text: string, sizes: readonly number[]): void {
  const framing = new ReplyFraming();
  const bytes = Buffer.from(text);
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    framing.read(bytes.subarray(at, at + size));
    at += size;
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });

test('replies are passed over wherever they are cut, and what follows on them is looked at', () => {
  fc.assert(
    fc.property(fc.array(replies, { maxLength: 5 }), sizes, (all, cuts) => {
      read(all.join(''), cuts);
      assert.throws(() => read(`${all.join('')}*9999999999\r\n`, cuts), { name: 'ReplyFramingError' });
      assert.throws(() => read(`${all.join('')}%1\r\n`, cuts), { name: 'ReplyFramingError' });
    }),
    { numRuns: 200 },
  );
});

test('what the arrays of one reply announce counts together, that of the next one anew', () => {
  const half = `*300000\r\n`;
  assert.throws(() => read(half.repeat(2), [7]), { name: 'ReplyFramingError' });
  read(`${half}${':1\r\n'.repeat(300_000)}`.repeat(2), [64 * 1024]);
});

test('a length that could be read in two ways is none', () => {
  for (const length of ['', '-', '-2', '--1', '+1', '1-', ' 1', '1.0', '1e3', '9'.repeat(16)]) {
    assert.throws(() => read(`$${length}\r\n`, [3]), { name: 'ReplyFramingError' }, length);
    assert.throws(() => read(`*${length}\r\n`, [3]), { name: 'ReplyFramingError' }, length);
  }
});
