import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { HeadOrder } from '../../model/head.ts';
import { EAST, headOf, orderOf, plain, plainHead, text } from '../conformance/rig.fixture.ts';
import { STORE_LIMITS } from '../contract.ts';
import { decodeLease, decodeRoster, decodeRosterVersion, encodeLease, encodeRoster } from './board-frames.ts';
import { decodeHead, encodeHead, HEAD_FRAME_BYTES_MAX } from './head-frame.ts';
import { decodeLogEntry, deltaSince, encodeLogEntry, keptLogEntries, type LogEntry } from './log-frame.ts';
import { decodeNotice, encodeClusterNotice, JOIN_NOTICE, ROSTER_NOTICE } from './notice-frame.ts';

const bytes = fc.uint8Array({ maxLength: 40 });
const count = fc.nat();
const orders = fc.record({
  incarnation: count,
  epoch: count,
  writerId: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((name) => !name.includes('\0')),
  version: count,
  beat: count,
});
const RUNS = { numRuns: 200 };

test('a head comes back as it was, whatever its octets', () => {
  fc.assert(
    fc.property(orders, bytes, bytes, (order, body, signature) => {
      const head = { order, head: { bytes: body, signature, signerChain: 'ab'.repeat(32) } };
      assert.deepEqual(plainHead(decodeHead(encodeHead(head))), plainHead(head));
    }),
    RUNS,
  );
});

test('the largest head fits into its frame, and a longer value is none', () => {
  const largest = {
    order: orderOf({ writerId: '"'.repeat(STORE_LIMITS.nameBytesMax), version: Number.MAX_SAFE_INTEGER }),
    head: { bytes: new Uint8Array(0), signature: new Uint8Array(STORE_LIMITS.headBytesMax), signerChain: '' },
  };
  const frame = encodeHead(largest);
  assert.ok(frame.byteLength <= HEAD_FRAME_BYTES_MAX);
  assert.ok(decodeHead(frame) !== undefined);
  assert.equal(decodeHead(Buffer.concat([frame, Buffer.alloc(HEAD_FRAME_BYTES_MAX)])), undefined);
});

const FOREIGN = [
  '',
  'x',
  '{}\n\n\n',
  '{"incarnation":1}\na\nb\n',
  '\n\n\n\n',
  'null\n\n\n',
  '[1]\n\n\n',
  '17\n',
  '\xff\xfe',
];
const badOrders: readonly unknown[] = [
  { ...orderOf({}), version: -1 },
  { ...orderOf({}), version: 1.5 },
  { ...orderOf({}), epoch: '1' },
  { ...orderOf({}), writerId: '' },
  { ...orderOf({}), writerId: 5 },
  { ...orderOf({}), writerId: 'a\0' },
];

test('what is no head, log entry, roster, lease or notice of ours is told to be none', () => {
  for (const value of FOREIGN.map((foreign) => Buffer.from(foreign, 'latin1'))) {
    assert.equal(decodeHead(value), undefined);
    assert.equal(decodeLogEntry(value), undefined);
    assert.equal(decodeLease(value), undefined);
    assert.equal(decodeNotice(value), undefined);
  }
  for (const bad of badOrders) assert.equal(decodeHead(Buffer.from(`${JSON.stringify(bad)}\nab\n\nx`)), undefined);
  assert.equal(decodeHead(Buffer.from(`${JSON.stringify(orderOf({}))}\nab\n!!\nx`)), undefined);
  for (const value of ['', '1', 'x\n', '-1\n', '01\n', '1.5\n', '99999999999999999\n', ' 1\n']) {
    assert.equal(decodeRoster(Buffer.from(value)), undefined, value);
  }
});

test('no octets at all make a decoder fail', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (octets, withLines) => {
      const value = withLines ? Buffer.concat([Buffer.from('{"order":{}}\n'), octets]) : Buffer.from(octets);
      for (const decode of [decodeHead, decodeLogEntry, decodeLease, decodeRoster, decodeRosterVersion, decodeNotice]) {
        decode(value);
      }
    }),
    RUNS,
  );
});

test('roster and lease come back as they were', () => {
  const roster = { version: 17, bytes: text('a\nb') };
  const decoded = decodeRoster(encodeRoster(roster));
  assert.deepEqual([decoded?.version, Buffer.from(decoded?.bytes ?? []).toString()], [17, 'a\nb']);
  assert.equal(decodeRosterVersion(encodeRoster(roster).subarray(0, 17)), 17);
  const lease = { holder: 'hé', transitions: 3, expiresAtMs: 1_800_000_000_123 };
  assert.deepEqual(decodeLease(Buffer.from(encodeLease(lease))), lease);
});

test('a notice carries a small head and leaves out a large one', () => {
  const small = encodeHead(headOf({ version: 3 }));
  const hint = decodeNotice(encodeClusterNotice(EAST, small));
  assert.ok(hint?.kind === 'cluster' && hint.cluster === EAST);
  assert.deepEqual(plainHead(hint.head), plainHead(headOf({ version: 3 })));
  const large = encodeHead({ ...headOf({}), head: { ...headOf({}).head, bytes: new Uint8Array(20_000) } });
  assert.deepEqual(decodeNotice(encodeClusterNotice(EAST, large)), { kind: 'cluster', cluster: EAST });
  assert.deepEqual(decodeNotice(Buffer.from(ROSTER_NOTICE)), { kind: 'roster' });
  assert.deepEqual(decodeNotice(Buffer.from(JOIN_NOTICE)), { kind: 'join' });
  for (const other of [
    'cluster ',
    'cluster East\n',
    'cluster east',
    `cluster ${'a'.repeat(64)}\n`,
    'cluster east\nx',
    'rosters',
  ]) {
    assert.equal(decodeNotice(Buffer.from(other)), undefined, other);
  }
});

function entry(version: number, puts: Record<string, string>, deletes: readonly string[] = []): LogEntry {
  const values = new Map(Object.entries(puts).map(([key, value]) => [key, text(value)] as const));
  const previous = version === 1 ? undefined : orderOf({ version: version - 1 });
  return { order: orderOf({ version }), previous, deletes, puts: values };
}

test('a log entry comes back as it was, empty values and odd keys included', () => {
  const odd = entry(2, { 'facts/ü"\n': 'é', __proto: '', a: '\0\n' }, ['gone', 'ü']);
  const decoded = decodeLogEntry(encodeLogEntry(odd));
  assert.deepEqual(decoded && { ...decoded, puts: plain(decoded.puts) }, { ...odd, puts: plain(odd.puts) });
  const first = decodeLogEntry(encodeLogEntry(entry(1, { a: '1' })));
  assert.equal(first?.previous, undefined);
  assert.equal(decodeLogEntry(encodeLogEntry(odd).subarray(0, -1)), undefined);
  assert.equal(decodeLogEntry(Buffer.concat([encodeLogEntry(odd), Buffer.from('x')])), undefined);
});

test('entries are squashed to what leads from one version to the newest', () => {
  const entries = [entry(1, { a: '1' }), entry(2, { b: '2', c: '2' }, ['a']), entry(3, { a: '3' }, ['b'])];
  const since = (order: HeadOrder): unknown => {
    const delta = deltaSince(entries, order, orderOf({ version: 3, beat: 9 }));
    return delta && [plain(delta.puts), delta.deletes];
  };
  assert.deepEqual(since(orderOf({ version: 3, beat: 2 })), [{}, []]);
  assert.deepEqual(since(orderOf({ version: 2 })), [{ a: '3' }, ['b']]);
  assert.deepEqual(since(orderOf({ version: 1 })), [{ a: '3', c: '2' }, ['b']]);
  for (const unknown of [{ version: 0 }, { version: 4 }, { version: 2, writerId: 'z' }, { version: 2, epoch: 2 }]) {
    assert.equal(since(orderOf(unknown)), undefined);
  }
});

test('a gap between entries, or behind the last one, leads nowhere', () => {
  const gap = [entry(2, { a: '2' }), entry(4, { a: '4' })];
  assert.equal(deltaSince(gap, orderOf({ version: 1 }), orderOf({ version: 4 })), undefined);
  assert.equal(deltaSince([entry(2, {})], orderOf({ version: 1 }), orderOf({ version: 3 })), undefined);
});

test('the log keeps 256 versions or 1 MiB, and nothing when the newest alone is larger', () => {
  assert.equal(keptLogEntries([]), 0);
  assert.equal(keptLogEntries(Array.from({ length: 300 }, () => 1)), 256);
  assert.equal(keptLogEntries([600_000, 600_000]), 1);
  assert.equal(keptLogEntries([1, STORE_LIMITS.logBytesMax + 1]), 0);
  assert.equal(keptLogEntries([1, STORE_LIMITS.logBytesMax]), 1);
});
