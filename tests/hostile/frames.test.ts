import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, type Frame, FrameReader, wordsOf } from './frames.ts';

const line = fc.record({
  kind: fc.constant('line' as const),
  mark: fc.constantFrom('+', '-', ':', '#', ','),
  text: fc.stringMatching(/^[a-zA-Z0-9 ]{0,20}$/),
});
const bulk = fc.record({
  kind: fc.constant('bulk' as const),
  mark: fc.constant('$'),
  bytes: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
});
const { frame } = fc.letrec<{ frame: Frame }>((tie) => ({
  frame: fc.oneof(
    { maxDepth: 3 },
    line,
    bulk,
    fc.record({
      kind: fc.constant('list' as const),
      mark: fc.constantFrom('*', '~', '>'),
      items: fc.option(fc.array(tie('frame'), { maxLength: 4 }), { nil: undefined }),
    }),
  ),
}));

test('frames come out of a stream as they went in, wherever its chunks are cut', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 5 }), fc.array(fc.nat(200), { maxLength: 6 }), (frames, cuts) => {
      const octets = Buffer.concat(frames.map(encodeFrame));
      const borders = [0, ...cuts.map((cut) => Math.min(cut, octets.length)), octets.length].sort((a, b) => a - b);
      const reader = new FrameReader();
      const read = borders.slice(1).flatMap((end, index) => reader.read(octets.subarray(borders[index], end)));
      assert.deepEqual(Buffer.concat(read.map(encodeFrame)), octets);
      assert.equal(read.length, frames.length);
    }),
    { numRuns: 200 },
  );
});

test('a map of RESP3 counts pairs and is written again as it was', () => {
  const octets = Buffer.from('%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n_\r\n');
  const [map] = new FrameReader().read(octets);
  assert.ok(map?.kind === 'list' && map.items?.length === 4);
  assert.deepEqual(encodeFrame(map), octets);
});

test('what is no RESP is an error and not a frame', () => {
  assert.throws(() => new FrameReader().read(Buffer.from('GET / HTTP/1.1\r\n')), /no frame of RESP/);
  assert.throws(() => new FrameReader().read(Buffer.from('$x\r\n')), /no length/);
});

test('a command is an array of bulk strings and nothing else', () => {
  const [command, reply] = new FrameReader().read(Buffer.from('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n:1\r\n'));
  assert.ok(command !== undefined && reply !== undefined);
  assert.deepEqual(wordsOf(command)?.map(String), [Buffer.from('GET'), Buffer.from('k')].map(String));
  assert.equal(wordsOf(reply), undefined);
});
