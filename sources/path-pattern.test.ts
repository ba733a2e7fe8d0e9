import assert from 'node:assert/strict';
import { test } from 'node:test';
import { covers, parsePattern, select } from './path-pattern.ts';

const NAMES = ['b.yaml', 'a.yml', 'c.json', 'notes.txt', '.a.yaml.swp', '.hidden.yaml', 'a.yaml~', '..data'];

for (const [path, expected] of [
  ['/s', ['/s/a.yml', '/s/b.yaml', '/s/c.json']],
  ['/s/*.yaml', ['/s/b.yaml']],
  ['/s/?.y*', ['/s/a.yaml~', '/s/a.yml', '/s/b.yaml']],
  ['/s/*', ['/s/a.yaml~', '/s/a.yml', '/s/b.yaml', '/s/c.json', '/s/notes.txt']],
  ['/s/.*.yaml', ['/s/.hidden.yaml']],
] as const) {
  test(`${path} selects ${expected.join(' ')}`, () => assert.deepEqual(select(parsePattern(path), NAMES), expected));
}

for (const [path, file, expected] of [
  ['/s', '/s/a.yaml', true],
  ['/s', '/s/deep/a.yaml', false],
  ['/s', '/s/a.txt', false],
  ['/s/a.yaml', '/s/a.yaml', true],
  ['/s/a.yaml', '/s/b.yaml', false],
  ['/s/svc-*.yaml', '/s/svc-1.yaml', true],
  ['/s/svc-*.yaml', '/s/svc-1.yml', false],
  ['/s/a+b.*', '/s/a+b.yaml', true],
  ['/s/a+b.*', '/s/aab.yaml', false],
] as const) {
  test(`${path} ${expected ? 'covers' : 'does not cover'} ${file}`, () =>
    assert.equal(covers(parsePattern(path), file), expected));
}

test('a pattern of many stars is matched without backtracking for ever', () => {
  const pattern = parsePattern(`/s/${'*a'.repeat(100)}b.yaml`);
  assert.equal(covers(pattern, `/s/${'a'.repeat(200)}.yaml`), false);
});
