import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CASES } from './cases.ts';
import { listingRow } from './listing.ts';
import { KINDS, partsOf, planRuns } from './plan.ts';

const LIST = readFileSync(join(import.meta.dirname, '../../docs/reference/faults.md'), 'utf8');
const METRICS = readFileSync(join(import.meta.dirname, '../../docs/reference/metrics.md'), 'utf8');

test('no two cases have one name, and each name can be typed', () => {
  const names = CASES.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(
    names.filter((name) => !/^[a-z0-9-]+$/.test(name)),
    [],
  );
});

test('every metric that a case names as its alert is documented', () => {
  const alerts = CASES.flatMap(({ alert }) => alert ?? []);
  assert.deepEqual(
    alerts.filter((alert) => !METRICS.includes(`\`${alert}\``)),
    [],
  );
});

test('every case is run somewhere, and every kind of server runs something', () => {
  const runs = planRuns(CASES, {});
  assert.deepEqual(
    CASES.filter((fault) => !runs.some((run) => run.fault === fault)),
    [],
  );
  assert.deepEqual(
    KINDS.filter((kind) => kind !== 'none' && !runs.some((run) => run.kind === kind)),
    [],
  );
});

test('a kind of server names its program and its layout', () => {
  assert.deepEqual(partsOf('redis cluster'), { program: 'redis', layout: 'cluster' });
  assert.deepEqual(partsOf('valkey pair'), { program: 'valkey', layout: 'pair' });
});

test('docs/reference/faults.md lists every case as it is, and none that is gone', () => {
  const rows = CASES.map(listingRow);
  assert.deepEqual(
    rows.filter((row) => !LIST.includes(`${row}\n`)),
    [],
  );
  assert.equal(LIST.match(/^\| `/gm)?.length, rows.length, 'regenerate the table: node tests/faults/listing.ts');
});
