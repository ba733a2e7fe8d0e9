/**
 * `node tests/hostile/run.ts [--layer contract|wire] [--seeds N] [--from N]` runs a series, `--seed N` one run with its log,
 * `--mutants` takes one rule after the other out. Exit code 1: something was believed that should not have been.
 */
import { parseArgs } from 'node:util';
import { formatChecked } from '../history/check.ts';
import { saveHistory } from '../history/recorder.ts';
import { layersHere, openLayer, seedsOf } from './layers.ts';
import { formatMutantRun, runMutants } from './mutant-run.ts';
import { MUTANTS } from './mutants.ts';
import { runSeeds } from './pool.ts';
import { formatSum, missingKinds } from './report.ts';

const { values } = parseArgs({
  options: {
    layer: { type: 'string' },
    seed: { type: 'string' },
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    history: { type: 'string' },
    mutants: { type: 'boolean', default: false },
  },
});

if (values.mutants) process.exitCode = await takeOut();
else if (values.seed === undefined) process.exitCode = await series(values.layer);
else process.exitCode = await replay(values.layer ?? 'contract', Number(values.seed));

async function replay(name: string, seed: number): Promise<number> {
  await using layer = await openLayer(name);
  const { history, checked, violations, tally } = await layer.run(seed, (line) => process.stdout.write(`${line}\n`));
  if (values.history !== undefined) await saveHistory(values.history, history);
  for (const [attack, count] of tally.counts) process.stdout.write(`${attack} ${count}\n`);
  process.stdout.write(formatChecked(checked));
  for (const violation of violations) process.stdout.write(`${violation}\n`);
  return violations.length === 0 ? 0 : 1;
}

async function series(only: string | undefined): Promise<number> {
  let code = 0;
  for (const layer of layersHere().filter((name) => only === undefined || name === only)) {
    const seeds = seedsOf(layer, { from: Number(values.from), runs: Number(values.seeds) });
    const sum = await runSeeds({ layer, seeds });
    process.stdout.write(formatSum(layer, sum));
    const missing = missingKinds(sum.tally);
    if (missing.length > 0) process.stdout.write(`never took effect: ${missing.join(', ')}\n`);
    if (missing.length > 0 || sum.broken.length > 0) code = 1;
  }
  return code;
}

async function takeOut(): Promise<number> {
  const runs = await runMutants(MUTANTS, (run) => process.stdout.write(`${formatMutantRun(run)}\n`));
  return runs.every(({ caught }) => caught !== undefined) ? 0 : 1;
}
