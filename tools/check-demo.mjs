// What CI demands of the demo beyond its exit code: nothing was left out, and every promise was really checked.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const promises = [...report.phases.flatMap((phase) => phase.promises), ...report.counts];
const requests = report.phases.reduce((sum, phase) => sum + phase.requests, 0);
const problems = [
  ...promises.filter(({ held }) => !held).map(({ promise, found }) => `broken: ${promise}: ${found}`),
  ...report.notShown.map((what) => `not shown: ${what}`),
  ...(report.phases.length < 8 || promises.length < 25 ? ['phases or promises are missing'] : []),
];
for (const problem of problems) console.error(problem);
console.log(`demo: ${promises.length} promises held over ${requests} requests in ${report.lab}`);
process.exit(problems.length === 0 ? 0 : 1);
