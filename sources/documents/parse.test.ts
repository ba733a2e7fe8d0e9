import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as assertProperty, constantFrom, property } from 'fast-check';
import { DOCUMENT_LIMITS, formatPath, parseDocuments } from './parse.ts';

/** `line reason` of each finding. */
function findingsOf(text: string): string[] {
  return parseDocuments(text, 'x.yaml').findings.map(({ line, reason }) => `${line} ${reason}`);
}

test('every document of a file is read, and each field knows its line', () => {
  const { documents, findings } = parseDocuments('a: 1\nb:\n  - c: 2\n---\n# note\nd: 3\n', 'x.yaml');
  assert.deepEqual(findings, []);
  assert.deepEqual(
    documents.map(({ value, line }) => [value, line]),
    [
      [{ a: 1, b: [{ c: 2 }] }, 1],
      [{ d: 3 }, 6],
    ],
  );
  const [first] = documents;
  assert.equal(first?.lineOf(['b', 0, 'c']), 3);
  assert.equal(first?.lineOf(['b', 0, 'missing']), 3, 'a missing field has the line of what encloses it');
  assert.equal(first?.lineOf(['b', 7]), 2);
});

test('an alias is followed to the line where its value stands', () => {
  const { documents } = parseDocuments('base: &base\n  port: 1\nuse: *base\n', 'x.yaml');
  assert.deepEqual(documents[0]?.value, { base: { port: 1 }, use: { port: 1 } });
  assert.equal(documents[0]?.lineOf(['use', 'port']), 2);
});

for (const [name, text, expected] of [
  ['a duplicate key', 'a: 1\nb: 2\na: 3\n', ['3 DuplicateField']],
  ['a nested mapping on one line', 'x: 1\na: b: c\n', ['2 InvalidYaml']],
  ['a tab as indentation', 'a:\n\tb: 1\n', ['2 InvalidYaml']],
  ['an unclosed bracket', 'a: [1, 2\n', ['1 InvalidYaml']],
  ['an unclosed quote', 'a: "x\n', ['1 InvalidYaml']],
  ['an alias without anchor', 'a: *nowhere\n', ['1 InvalidAlias']],
  ['a map as key', 'a: 1\n? {b: c}\n: 2\n', ['2 InvalidYaml']],
] as const) {
  test(`${name} is reported with its line`, () => assert.deepEqual(findingsOf(text).slice(0, 1), expected));
}

test('a bad document does not hide the good ones around it', () => {
  const { documents, findings } = parseDocuments('a: 1\n---\nb: [\n---\nc: 3\n', 'x.yaml');
  assert.deepEqual(
    documents.map(({ value }) => value),
    [{ a: 1 }, { c: 3 }],
  );
  assert.ok(findings.every(({ reason }) => reason === 'InvalidYaml'));
  assert.ok(findings.length > 0);
});

test('text above the size limit is refused before it is parsed', () => {
  assert.deepEqual(findingsOf(`# ${'x'.repeat(DOCUMENT_LIMITS.fileBytesMax)}\n`), ['1 FileTooLarge']);
});

const bombLine = (name: string, of: string): string => `${name}: &${name} [${Array(10).fill(of).join(', ')}]\n`;

for (const [name, text, reason] of [
  [
    'nested aliases (billion laughs)',
    ['*a', '*b', '*c', '*d', '*e', '*f'].reduce(
      (all, of, index) => all + bombLine('bcdefg'[index] ?? '', of),
      bombLine('a', 'x'),
    ),
    'InvalidAlias',
  ],
  ['a million brackets', '['.repeat(1_000_000), 'TooDeep'],
  ['deep maps in brackets', '{a: '.repeat(20_000), 'TooDeep'],
  ['deep block lists', `${'- '.repeat(5_000)}x\n`, 'TooDeep'],
  ['too many documents', '---\na: 1\n'.repeat(DOCUMENT_LIMITS.documentsMax + 1), 'TooManyDocuments'],
] as const) {
  test(`${name} are refused, not expanded`, () => {
    const findings = parseDocuments(text, 'x.yaml').findings.map((finding) => finding.reason);
    assert.deepEqual([...new Set(findings)], [reason]);
  });
}

test('a map of forty thousand keys is checked for duplicates in linear time', () => {
  const text = Array.from({ length: 40_000 }, (_, index) => `key${index}: 1\n`).join('');
  const before = process.cpuUsage();
  assert.deepEqual(findingsOf(`${text}key7: 2\n`), ['40001 DuplicateField']);
  // The library's own check takes 20 s of CPU for this text; linear is below one.
  assert.ok(process.cpuUsage(before).user < 8_000_000);
});

test('prototype keys are plain data', () => {
  const { documents } = parseDocuments('__proto__: {polluted: true}\nconstructor: 1\n', 'x.yaml');
  assert.deepEqual(Object.keys(documents[0]?.value as object), ['__proto__', 'constructor']);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test('no text makes the parser throw, and each finding has a line of the text', () => {
  const piece = constantFrom(
    'a',
    ':',
    ' ',
    '\n',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '&a ',
    '*a',
    '---\n',
    '#',
    '\t',
    '!',
    '|',
    '1',
    '\0',
    '? ',
  );
  assertProperty(
    property(array(piece, { maxLength: 60 }), (pieces) => {
      const text = pieces.join('');
      for (const { line } of parseDocuments(text, 'x.yaml').findings) {
        assert.ok(line !== undefined && line >= 1 && line <= text.split('\n').length, `line ${line}`);
      }
    }),
    { numRuns: 2_000 },
  );
});

for (const [path, text] of [
  [['spec', 'gateways', 0, 'port'], 'spec.gateways[0].port'],
  [['metadata', 'labels', 'app.kubernetes.io/name'], 'metadata.labels."app.kubernetes.io/name"'],
  [[], ''],
] as const) {
  test(`a path is written ${text === '' ? 'as nothing for the document itself' : text}`, () =>
    assert.equal(formatPath(path), text));
}
