/**
 * `node tests/faults/one.ts NAME KIND [SEED]`: one run of one case, in a process of its own so that a crash is that run's
 * alone. Its outcome is the last line on standard output; `FAULT_LOG=1` logs everything that the sites say.
 */
import { CASES } from './cases.ts';
import { planRuns } from './plan.ts';
import { runCase } from './run-case.ts';

const [only = '', kind = 'none', seed = '1'] = process.argv.slice(2);
const [run] = planRuns(CASES, { only, kind });
if (run === undefined) {
  process.stderr.write(`there is no case ${only} on ${kind}\n`);
  process.exit(2);
}
const outcome = await runCase(run, Number(seed));
process.stdout.write(`\n${JSON.stringify(outcome)}\n`, () => process.exit(outcome.result === 'fail' ? 1 : 0));
