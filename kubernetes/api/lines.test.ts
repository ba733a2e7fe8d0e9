import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineTooLongError, linesOf } from './lines.ts';

async function* chunksOf(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

async function collected(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

test('lines are the same wherever the network cuts the bytes', async () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((text) => !text.includes('\n'));
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 8 }),
      fc.array(fc.nat(200), { maxLength: 10 }),
      async (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        assert.deepEqual(
          await collected(linesOf(chunksOf(bytes, cuts), 1_000)),
          lines.map((text) => Buffer.from(text).toString()),
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('half a line at the end of a broken stream is dropped', async () => {
  assert.deepEqual(await collected(linesOf(chunksOf(Buffer.from('{"a":1}\n{"b"'), []), 100)), ['{"a":1}']);
});

test('a line beyond the limit ends the stream, whether its end has come or not', async () => {
  for (const text of ['12345678901\n', '1234567890123']) {
    await assert.rejects(collected(linesOf(chunksOf(Buffer.from(text), [4]), 10)), LineTooLongError);
  }
});
