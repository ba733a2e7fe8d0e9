/**
 * `make test-faults`: every case on every kind of server that it names, each run in a process of its own. Prints a table,
 * writes `out/faults.json`; exit code 1 when a case failed, 2 when there is none of that name.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CASES } from './cases.ts';
import type { Outcome } from './outcome.ts';
import { type PlannedRun, planRuns } from './plan.ts';
import { runApart } from './run-apart.ts';
import { formatTable, formatTroubles, lineOf } from './table.ts';

/** The runs mostly wait, for time-outs and for leases to end. */
const AT_ONCE_DEFAULT = 3;
const OUT = join(import.meta.dirname, '../../out');

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    kind: { type: 'string' },
    seed: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: String(AT_ONCE_DEFAULT) },
  },
});
const wanted = {
  ...(values.only === undefined ? {} : { only: values.only }),
  ...(values.kind === undefined ? {} : { kind: values.kind }),
};
const runs = planRuns(CASES, wanted);
if (runs.length === 0) {
  process.stderr.write(`no such case; there are ${CASES.map(({ name }) => name).join(', ')}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await runAll(runs);
}

async function runAll(planned: readonly PlannedRun[]): Promise<number> {
  const beganMs = performance.now();
  const outcomes = new Map<PlannedRun, Outcome>();
  const waiting = planned.values();
  const work = async (): Promise<void> => {
    for (const run of waiting) {
      const outcome = await runApart(run, Number(values.seed));
      outcomes.set(run, outcome);
      process.stdout.write(`${lineOf(outcome)}\n`);
    }
  };
  await Promise.all(Array.from({ length: Number(values['at-once']) }, work));
  if (Number(values['at-once']) > 1) await repeatAlone(outcomes);
  const ordered = planned.flatMap((run) => outcomes.get(run) ?? []);
  await mkdir(OUT, { recursive: true });
  await writeFile(join(OUT, 'faults.json'), `${JSON.stringify(ordered, undefined, 2)}\n`);
  const failed = ordered.filter(({ result }) => result === 'fail').length;
  const left = ordered.filter(({ result }) => result === 'not run').length;
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  process.stdout.write(`\n${formatTable(ordered)}\n${formatTroubles(ordered)}`);
  process.stdout.write(`${ordered.length - failed - left} passed, ${failed} failed, ${left} not run, ${seconds} s\n`);
  return failed === 0 ? 0 : 1;
}

/** The cases promise times, and runs beside each other take them from one another: each failed one is tried alone, aloud. */
async function repeatAlone(outcomes: Map<PlannedRun, Outcome>): Promise<void> {
  for (const [run, { result, reason }] of outcomes) {
    if (result !== 'fail') continue;
    const again = await runApart(run, Number(values.seed));
    const outcome = again.result === 'pass' ? { ...again, failedBeside: reason ?? '' } : again;
    outcomes.set(run, outcome);
    process.stdout.write(`${lineOf(outcome)} (alone, after it failed beside others: ${reason ?? 'no reason'})\n`);
  }
}
