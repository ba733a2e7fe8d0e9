import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartMemo } from './part-memo.ts';

function counting(): { readonly memo: PartMemo<string>; readonly reads: () => number } {
  let reads = 0;
  const memo = new PartMemo((text) => {
    reads += 1;
    return text.startsWith('bad') ? undefined : text.toUpperCase();
  });
  return { memo, reads: () => reads };
}

test('a text that comes again is not read again, and one that says nothing is', () => {
  const { memo, reads } = counting();
  assert.deepEqual([memo.of('a'), memo.of('a'), memo.of('bad'), memo.of('bad')], ['A', 'A', undefined, undefined]);
  assert.equal(reads(), 3);
});

test('what is in use outlives any number of texts that come once', () => {
  const { memo, reads } = counting();
  memo.of('used');
  for (let index = 0; index < 20_000; index += 1) {
    memo.of(`once-${index}`);
    assert.equal(memo.of('used'), 'USED');
  }
  assert.equal(reads(), 20_001);
});

test('texts that never come again are soon not remembered, and some time later they are again', () => {
  const { memo, reads } = counting();
  for (let index = 0; index < 10_000; index += 1) memo.of(`once-${index}`);
  const before = reads();
  memo.of('again');
  memo.of('again');
  assert.equal(reads(), before + 2, 'nothing new is remembered');
  for (let index = 10_000; index < 50_000; index += 1) memo.of(`once-${index}`);
  const later = reads();
  memo.of('later');
  memo.of('later');
  memo.of('later');
  assert.ok(reads() - later <= 3);
});
