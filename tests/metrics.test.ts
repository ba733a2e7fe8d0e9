/** Every metric of the product is in its reference: a name that nobody can look up alarms nobody. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');
const SOURCES = '{runtime,federation,trust,gateway-config,sources,kubernetes,controller,cli}/**/*.ts';
/** A name where it is made. */
const NAME = /(?:counter|gauge|histogram)\(\s*'(isthmus_[a-z_]+)'/g;

test('every metric that a source makes is described in docs/reference/metrics.md', () => {
  const reference = readFileSync(join(ROOT, 'docs/reference/metrics.md'), 'utf8');
  const files = globSync(SOURCES, { cwd: ROOT }).filter((file) => !/\.(test|fixture)\.ts$/.test(file));
  const names = files.flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(NAME)].map(([, name]) => name ?? ''),
  );
  assert.ok(names.length > 20, 'the search finds nothing any more');
  assert.deepEqual(
    [...new Set(names)].filter(
      (name) => !reference.includes(`| \`${name}\` |`) && !reference.includes(`\`${name}\` (gauge`),
    ),
    [],
  );
});
