import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFinding } from './findings.ts';
import { formatAge, formatTable } from './table.ts';

interface Row {
  readonly name: string;
  readonly size?: number;
}

test('columns are aligned, absent values shown, and no line has trailing blanks', () => {
  const rows: Row[] = [{ name: 'a-long-name', size: 1 }, { name: 'b' }];
  const table = formatTable<Row>(
    [
      { header: 'NAME', cell: ({ name }) => name },
      { header: 'SIZE', cell: ({ size }) => size },
      { header: 'X', cell: () => '' },
    ],
    rows,
  );
  assert.equal(table, 'NAME          SIZE     X\na-long-name   1        <none>\nb             <none>   <none>\n');
});

test('a value cannot move the cursor or begin a new line', () => {
  const table = formatTable([{ header: 'NAME', cell: (name: string) => name }], ['a\n\u001b[2Jb']);
  assert.equal(table, 'NAME\na [2Jb\n');
});

for (const [seconds, text] of [
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [312, '5m12s'],
  [3_599, '59m'],
  [7_200, '2h'],
  [172_800, '2d'],
  [-5, '0s'],
  [undefined, undefined],
  [Number.NaN, undefined],
] as const) {
  test(`an age of ${seconds} seconds is written ${text}`, () => assert.equal(formatAge(seconds), text));
}

for (const [finding, text] of [
  [
    { severity: 'error', reason: 'X', message: 'is bad', file: 'a.yaml', line: 3, field: 'spec.x', hint: 'do y' },
    'a.yaml:3: spec.x: is bad (do y)',
  ],
  [
    { severity: 'warning', reason: 'X', message: 'is odd', file: 'environment', field: 'ISTHMUS_X' },
    'environment: warning: ISTHMUS_X: is odd',
  ],
  [{ severity: 'error', reason: 'X', message: 'two\nlines' }, 'two lines'],
] as const) {
  test(`a finding is the one line ${text}`, () => assert.equal(formatFinding(finding), text));
}
