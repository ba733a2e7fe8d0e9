import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_SET_LIMITS, type FileState, fold, NOTHING_FOLDED } from './file-set.ts';
import { readServicesFile } from './file-content.ts';

const firstSeen = () => 1_000;

function state(file: string, text: string): FileState {
  const content = readServicesFile(text, file);
  assert.ok(content.ok, JSON.stringify(content));
  return { file, documents: content, findings: content.warnings };
}

function service(name: string, endpoints = 1): string {
  const list = Array.from(
    { length: endpoints },
    (_, index) => `{address: 10.${index >> 16}.${(index >> 8) & 255}.${index & 255}}`,
  );
  const fixed = list.map((item) => item.replace('10.0.0.0}', '10.9.9.9}'));
  return `---\napiVersion: isthmus.dev/v1alpha1\nkind: Service\nmetadata: {name: ${name}}\nspec: {export: true, ports: [{port: 80}], endpoints: [${fixed.join(', ')}]}\n`;
}

test('the view is sorted by key, whatever the order of files', () => {
  const files = [state('b.yaml', service('zeta')), state('a.yaml', service('mid') + service('alpha'))];
  const expected = ['default/alpha', 'default/mid', 'default/zeta'];
  assert.deepEqual([...fold(files, firstSeen, NOTHING_FOLDED).view.services.keys()], expected);
  assert.deepEqual([...fold(files.toReversed(), firstSeen, NOTHING_FOLDED).view.services.keys()], expected);
});

test('the same content gives the same view object, and a change leaves the other services alone', () => {
  const before = fold([state('a.yaml', service('a') + service('b'))], firstSeen, NOTHING_FOLDED);
  const same = fold([state('a.yaml', service('a') + service('b'))], firstSeen, before);
  assert.equal(same.view, before.view);
  const changed = fold([state('a.yaml', service('a') + service('b', 2))], firstSeen, same);
  const [a, b] = [...before.view.services.keys()];
  assert.ok(a !== undefined && b !== undefined);
  assert.equal(changed.view.services.get(a), before.view.services.get(a));
  assert.notEqual(changed.view.services.get(b), before.view.services.get(b));
});

test('of two files with one service the first by path is used, and the second is reported', () => {
  const files = [state('b.yaml', service('web', 2)), state('a.yaml', service('web', 1))];
  const { view, findings } = fold(files, firstSeen, NOTHING_FOLDED);
  assert.deepEqual(
    [...view.services.values()].map(({ endpoints }) => endpoints.length),
    [1],
  );
  assert.deepEqual(
    findings.map(({ file, line, field, reason }) => [file, line, field, reason]),
    [['b.yaml', 2, 'metadata.name', 'DuplicateService']],
  );
});

test('more endpoints than the limit leave the last services out, and say so', () => {
  const each = 5_000;
  const count = FILE_SET_LIMITS.endpointsMax / each;
  const files = Array.from({ length: count + 1 }, (_, index) => {
    const file = `${String(index).padStart(3, '0')}.yaml`;
    return state(file, service(`s${index}`, each));
  });
  const { view, findings } = fold(files, firstSeen, NOTHING_FOLDED);
  assert.equal(view.services.size, count);
  assert.deepEqual(
    findings.map(({ reason, file }) => [reason, file]),
    [['TooMany', `${String(count).padStart(3, '0')}.yaml`]],
  );
});

test('a service that is not exported has no time of export', () => {
  const text = service('web').replace('export: true', 'export: false');
  const { view } = fold([state('a.yaml', text)], firstSeen, NOTHING_FOLDED);
  assert.deepEqual(
    [...view.services.values()].map(({ exportedAtMs }) => exportedAtMs),
    [0],
  );
});
