/** The part of `make test-faults` that every `make test` runs: one run of each sort, on differing servers. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { installedPrograms } from '../redis/programs.ts';
import { CASES } from './cases.ts';
import { partsOf, planRuns } from './plan.ts';
import { runCase } from './run-case.ts';
import type { ServerKind } from './suite.ts';

const QUICK: readonly (readonly [string, ServerKind])[] = [
  ['store-killed', 'redis tls'],
  ['restart-in-the-dark', 'valkey cluster'],
  ['flushall', 'redis cluster'],
  ['failover-lost-writes', 'valkey sentinel'],
  ['readonly-primary', 'redis pair'],
  ['out-of-memory', 'valkey alone'],
  ['pubsub-dead', 'valkey alone'],
  ['credentials-rotated', 'redis alone'],
  ['old-state-put-back', 'valkey alone'],
];

const installed = installedPrograms('the store faults');

suite('store faults', { concurrency: 3 }, () => {
  for (const [name, kind] of QUICK) {
    if (!installed.includes(partsOf(kind).program)) continue;
    const [run] = planRuns(CASES, { only: name, kind });
    test(`on ${kind}: ${run?.fault.row ?? name}`, async () => {
      assert.ok(run !== undefined, `there is no case ${name} on ${kind}`);
      const outcome = await runCase(run, 1);
      assert.equal(outcome.result, 'pass', outcome.reason);
    });
  }
});
