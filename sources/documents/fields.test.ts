import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, constantFrom, nat, property } from 'fast-check';
import {
  cidrProblem,
  cidrsOverlap,
  formatDurationMs,
  hostOrAddress,
  ipAddress,
  parseDurationMs,
  port,
} from './fields.ts';

for (const [text, ms] of [
  ['30s', 30_000],
  ['1500ms', 1_500],
  ['24h', 86_400_000],
  ['1h30m', 5_400_000],
  ['7d', 604_800_000],
  ['0s', 0],
  ['30', undefined],
  ['s', undefined],
  ['-1s', undefined],
  ['1.5s', undefined],
  ['30 s', undefined],
  ['30S', undefined],
  ['', undefined],
] as const) {
  test(`the duration ${JSON.stringify(text)} is ${ms === undefined ? 'refused' : `${ms} ms`}`, () =>
    assert.equal(parseDurationMs(text), ms));
}

test('every duration is read back as it was written', () => {
  assertProperty(
    property(nat(), constantFrom(1, 1_000, 60_000, 3_600_000), (amount, unit) => {
      const ms = (amount % 1_000_000) * unit;
      assert.equal(parseDurationMs(formatDurationMs(ms)), ms);
    }),
    { numRuns: 300 },
  );
});

for (const [text, valid] of [
  ['10.0.0.0/16', true],
  ['0.0.0.0/0', true],
  ['fd00:1::/32', true],
  ['10.0.0.1/32', true],
  ['10.0.0.1/16', false],
  ['10.0.0.0/33', false],
  ['fd00::1/64', false],
  ['10.0.0.0', false],
  ['10.0.0/8', false],
  ['10.0.0.0/8/8', false],
  ['010.0.0.0/8', false],
  ['10.0.0.0/-1', false],
  ['east/16', false],
] as const) {
  test(`the range ${text} is ${valid ? 'accepted' : 'refused'}`, () =>
    assert.equal(cidrProblem(text) === undefined, valid));
}

for (const [left, right, overlap] of [
  ['10.0.0.0/8', '10.1.0.0/16', true],
  ['10.1.0.0/16', '10.0.0.0/8', true],
  ['10.0.0.0/16', '10.1.0.0/16', false],
  ['10.0.0.0/16', '10.0.0.0/16', true],
  ['0.0.0.0/0', 'fd00::/8', false],
] as const) {
  test(`${left} and ${right} ${overlap ? 'overlap' : 'are apart'}`, () =>
    assert.equal(cidrsOverlap(left, right), overlap));
}

const accepts = {
  address: (text: string) => ipAddress().safeParse(text).success,
  host: (text: string) => hostOrAddress().safeParse(text).success,
};

for (const [kind, text, valid] of [
  ['address', '10.0.0.1', true],
  ['address', '::1', true],
  ['address', '10.1', false],
  ['address', '0x7f.0.0.1', false],
  ['address', 'fe80::1%eth0', false],
  ['address', 'west.example.org', false],
  ['host', 'west.example.org', true],
  ['host', '203.0.113.7', true],
  ['host', '10.1.2', false],
  ['host', '999.1.1.1', false],
  ['host', 'West.example.org', false],
  ['host', 'a..b', false],
] as const) {
  test(`${text} is ${valid ? 'accepted' : 'refused'} as ${kind}`, () => assert.equal(accepts[kind](text), valid));
}

for (const value of [0, 65_536, 1.5, -1, Number.NaN, '80', 1e9]) {
  test(`${JSON.stringify(value)} is refused as port`, () => assert.equal(port().safeParse(value).success, false));
}
