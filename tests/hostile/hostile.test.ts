import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layersHere, seedsOf } from './layers.ts';
import { runSeeds } from './pool.ts';
import { formatSum, missingKinds } from './report.ts';

/** `make test-hostile` and `make test-faults` run a thousand. */
const RUNS = 50;

for (const layer of layersHere()) {
  test(`no forged, rolled-back or mixed state is believed, whatever the store and a member do (${layer})`, async (context) => {
    const sum = await runSeeds({ layer, seeds: seedsOf(layer, { from: 1, runs: RUNS }) });
    context.diagnostic(formatSum(layer, sum));
    assert.deepEqual(sum.broken, [], formatSum(layer, sum));
    assert.deepEqual(missingKinds(sum.tally), [], 'every kind of attack took effect');
    for (const id of ['I2', 'I3', 'I4', 'I7', 'I10']) assert.ok((sum.facts.get(id) ?? 0) > 0, `${id} was observed`);
  });
}
