import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCEPT_RULE } from '../../federation/model/accept.ts';
import { formatMutantRun, runMutants } from './mutant-run.ts';
import { MUTANTS } from './mutants.ts';

test('there is a mutant for every clause of the accept rule', () => {
  const names = new Set(MUTANTS.map(({ name }) => name));
  const missing = ACCEPT_RULE.filter(({ name }) => !names.has(`clause-${name}`));
  assert.deepEqual(missing, []);
});

test('whichever rule is taken out, some reader believes what it should not have, and the suite says so', async (context) => {
  const runs = await runMutants(MUTANTS);
  for (const run of runs) context.diagnostic(formatMutantRun(run));
  assert.deepEqual(
    runs.filter(({ caught }) => caught === undefined).map(({ mutant }) => mutant.name),
    [],
    'every mutant was caught',
  );
  assert.equal(runs.length, MUTANTS.length);
});
