/**
 * `node tests/hostile/worker.ts --layer LAYER --seeds N,N,... [--mutant JSON] [--stop]`: runs seeds and prints one line of JSON
 * (`RunReport`) for each. `--stop`: no more after the first violation. A process of its own, because a mutant changes
 * sources while they are loaded, and because one process is one core.
 */
import { parseArgs } from 'node:util';
import type { History } from '../history/events.ts';
import { applyMutant } from './mutate.ts';
import type { RunReport } from './pool.ts';

const { values } = parseArgs({
  options: {
    layer: { type: 'string' },
    seeds: { type: 'string' },
    mutant: { type: 'string' },
    stop: { type: 'boolean', default: false },
  },
});
// Written by `pool.ts` of the same tree.
if (values.mutant !== undefined) applyMutant(JSON.parse(values.mutant) as Parameters<typeof applyMutant>[0]);
const { openLayer } = await import('./layers.ts');
await using layer = await openLayer(values.layer ?? '');
const seeds = (values.seeds ?? '').split(',').map(Number).values();
let isOver = false;

async function runAll(): Promise<void> {
  for (const seed of seeds) {
    if (isOver) return;
    const beginMs = performance.now();
    const { violations, tally, history, checked } = await layer.run(seed);
    const facts = checked.map(
      ({ invariant, judgement }) => [invariant.id, judgement.kind === 'held' ? judgement.facts : 0] as const,
    );
    const durationMs = Math.round(performance.now() - beginMs);
    const report: RunReport = {
      seed,
      durationMs,
      events: history.length,
      healedMs: healingTime(history),
      violations,
      fired: [...tally.counts],
      facts,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    isOver ||= values.stop && violations.length > 0;
  }
}

function healingTime(history: History): number {
  const healed = history.findLast(({ kind }) => kind === 'healed');
  return Math.round((history.at(-1)?.atMs ?? 0) - (healed?.atMs ?? 0));
}

await Promise.all(Array.from({ length: layer.atOnce }, runAll));
