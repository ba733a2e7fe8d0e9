import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SERVICES } from '../api/resources.ts';
import type { Problem } from './applier.ts';
import { objectId } from './desired.ts';
import { problemFindings } from './problem-findings.ts';

function problems(count: number): Parameters<typeof problemFindings>[0] {
  const all = Array.from({ length: count }, (_, index): Problem => {
    const ref = { resource: SERVICES, namespace: 'shop', name: `s-${String(count - index).padStart(3, '0')}` };
    return { ref, reason: 'Forbidden', message: 'may not patch services' };
  });
  return new Map(all.map((problem) => [objectId(problem.ref), problem]));
}

test('each object that cannot be written is told with the words of the server, sorted', () => {
  const found = problemFindings(problems(2));
  assert.deepEqual(
    found.map(({ message }) => message),
    ['s-001', 's-002'].map((name) => `Service shop/${name} cannot be written: may not patch services`),
  );
  assert.match(found[0]?.hint ?? '', /roles/);
});

test('of very many the first ones are told, and how many more there are', () => {
  const found = problemFindings(problems(5_000));
  assert.equal(found.length, 21);
  assert.match(found.at(-1)?.message ?? '', /^4980 more/);
});

test('nothing is told when nothing is wrong', () => {
  assert.deepEqual(problemFindings(new Map()), []);
});
