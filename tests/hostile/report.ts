import { ATTACK_KINDS, type AttackKind, type Tally } from './attack.ts';
import type { RunReport, Sum } from './pool.ts';

/** The table of a series of runs: which attacks took effect how often, and what each invariant was judged by. */
export function formatSum(layer: string, sum: Sum): string {
  const lines = ATTACK_KINDS.map((kind) => {
    const names = [...sum.tally.counts].filter(([key]) => key.startsWith(`${kind}/`));
    const total = names.reduce((count, [, each]) => count + each, 0);
    const detail = names.map(([key, count]) => `${key.slice(kind.length + 1)} ${count}`).join(', ');
    return `${kind.padEnd(10)}${String(total).padStart(8)}  ${detail}`;
  });
  const facts = [...sum.facts].map(([id, count]) => `${id} ${count === 0 ? 'not observed' : count}`).join(', ');
  const events = sum.reports.reduce((count, report) => count + report.events, 0);
  return [
    `${layer}: ${sum.reports.length} runs, ${events} events, ${sum.broken.length} broken`,
    ...lines,
    `agreed    after ${quantiles(sum.reports.map(({ healedMs }) => healedMs))}`,
    `facts     ${facts}`,
    ...sum.broken.map((report) => `BROKEN seed ${report.seed}: ${report.violations[0]}\n  ${replayOf(layer, report)}`),
    '',
  ].join('\n');
}

function quantiles(values: readonly number[]): string {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number): string =>
    `${((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) / 1000).toFixed(1)} s`;
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, at most ${at(1)} of the run's own time`;
}

export function replayOf(layer: string, { seed }: Pick<RunReport, 'seed'>): string {
  return `replay: node tests/hostile/run.ts --layer ${layer} --seed ${seed}`;
}

/** A suite in which an attack never took effect has not shown that it is withstood. */
export function missingKinds(tally: Tally): readonly AttackKind[] {
  const fired = new Set([...tally.counts.keys()].map((key) => key.slice(0, key.indexOf('/'))));
  return ATTACK_KINDS.filter((kind) => !fired.has(kind));
}
