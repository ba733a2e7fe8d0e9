import { type FaultCase, NotRunError, type Stage } from '../faults/suite.ts';
import { LAYERS, layersHere, seedsOf } from './layers.ts';
import { formatMutantRun, runMutants } from './mutant-run.ts';
import { MUTANTS } from './mutants.ts';
import { runSeeds } from './pool.ts';
import { formatSum, missingKinds } from './report.ts';

/** The rows of the hostile suite in the table of `make test-faults`: a thousand seeds (`seedsOf`), and every rule taken out. */
const RUNS = 1_000;

export const HOSTILE_CASES: readonly FaultCase[] = [
  ...LAYERS.map((layer) => ({
    name: `hostile-${layer}`,
    row: `hostile store and hostile member (${layer}): no forged, rolled-back or mixed state is believed`,
    layouts: [],
    run: (stage: Stage) => besiege(layer, stage),
  })),
  {
    name: 'hostile-rules',
    row: 'any rule of what is believed taken out: the hostile suite turns red',
    layouts: [],
    run: takeOutEach,
  },
];

async function besiege(layer: string, { seed, note }: Stage): Promise<void> {
  if (!layersHere().includes(layer)) throw new NotRunError('there is no Valkey here');
  const sum = await runSeeds({ layer, seeds: seedsOf(layer, { from: seed, runs: RUNS }) });
  const attacks = [...sum.tally.counts.values()].reduce((total, count) => total + count, 0);
  note(`${sum.reports.length} runs, ${attacks} attacks, ${sum.broken.length} broken`);
  process.stdout.write(formatSum(layer, sum));
  const missing = missingKinds(sum.tally);
  if (sum.broken.length > 0)
    throw new Error(`${sum.broken.length} runs are broken, first ${sum.broken[0]?.violations[0]}`);
  if (missing.length > 0) throw new Error(`attacks that never took effect: ${missing.join(', ')}`);
}

async function takeOutEach({ note }: Stage): Promise<void> {
  const runs = await runMutants(MUTANTS, (run) => process.stdout.write(`${formatMutantRun(run)}\n`));
  const survivors = runs.filter(({ caught }) => caught === undefined).map(({ mutant }) => mutant.name);
  note(`${runs.length - survivors.length} of ${runs.length} caught`);
  if (survivors.length > 0) throw new Error(`survived: ${survivors.join(', ')}`);
}
