import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleOf } from './metric-text.ts';

const TEXT = `# HELP isthmus_a_total Things
# TYPE isthmus_a_total counter
isthmus_a_total{cluster="west",reason="x \\"y\\""} 2
isthmus_a_total{cluster="edge",reason="z"} 3
isthmus_a_total_more 100
isthmus_b 0.5
`;

test('samples are summed over the label sets that match', () => {
  assert.equal(sampleOf(TEXT, 'isthmus_a_total'), 5);
  assert.equal(sampleOf(TEXT, 'isthmus_a_total', { cluster: 'west' }), 2);
  assert.equal(sampleOf(TEXT, 'isthmus_b'), 0.5);
});

test('a sample that is not there is not zero', () => {
  assert.equal(sampleOf(TEXT, 'isthmus_a_total', { cluster: 'north' }), undefined);
  assert.equal(sampleOf(TEXT, 'isthmus_c'), undefined);
});
