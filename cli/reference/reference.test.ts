import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { checkFiles } from '../../controller/config/check-files.ts';
import { loadConfig } from '../../controller/config/load.ts';
import { REFERENCE_FOLDER, referenceFiles } from './files.ts';
import { formatJson } from './json.ts';
import { MissingSectionError, sectionNames, withSections } from './sections.ts';

for (const [name, expected] of await referenceFiles()) {
  test(`docs/reference/${name} is what the program is (else run: node cli/reference/generate.ts)`, async () => {
    assert.equal(await readFile(new URL(name, REFERENCE_FOLDER), 'utf8'), expected);
  });
}

for (const name of ['config.md', 'kinds.md']) {
  test(`every YAML example of ${name} is valid`, async () => {
    const page = await readFile(new URL(name, REFERENCE_FOLDER), 'utf8');
    const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text);
    assert.ok(examples.length >= 2);
    for (const text of examples) assert.deepEqual(checkFiles([{ file: 'example.yaml', text }]).findings, []);
  });
}

test('every generated section of the pages has a name that is generated', async () => {
  for (const [page, names] of [
    ['config.md', ['site', 'service', 'settings']],
    ['cli.md', ['commands']],
    [
      'kinds.md',
      [
        ...['export-grant', 'failover-policy', 'cluster-set'],
        ...['exportgrant-status', 'failoverpolicy-status', 'clusterset-status', 'peer-status'],
      ],
    ],
  ] as const) {
    const text = await readFile(new URL(page, REFERENCE_FOLDER), 'utf8');
    assert.deepEqual(sectionNames(text).toSorted(), [...names].toSorted());
  }
});

test('a section is replaced between its marks only', () => {
  const page = 'a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n';
  assert.equal(withSections(page, new Map([['x', 'new']])), 'a\n<!-- generated: x -->\n\nnew\n\n<!-- end -->\nb\n');
  assert.throws(() => withSections(page, new Map([['y', 'new']])), MissingSectionError);
});

test('the defaults that the schema documents are those that a controller uses', async () => {
  const env = { ISTHMUS_CLUSTER: 'a', ISTHMUS_CLUSTERSET: 'b', ISTHMUS_NETWORK: 'c', ISTHMUS_STORE: 'memory:x' };
  const loaded = await loadConfig({ env, flags: {} });
  assert.ok(loaded.ok);
  const table = (await referenceFiles()).get('config.md') ?? '';
  assert.match(table, /`spec\.failBackAfter` \| text \| `30s` \|/);
  assert.equal(loaded.config.failBackAfterMs, 30_000);
  assert.match(table, /`spec\.gateways\[\]\.port` \| number \| `15443` \|/);
});

test('formatted JSON means the same', () => {
  const value = { a: [1, 2], b: {}, c: [{ d: null }], e: ['x'.repeat(80), 'y'.repeat(80)], f: 'a"b' };
  assert.deepEqual(JSON.parse(formatJson(value)), value);
});
