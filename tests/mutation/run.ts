/**
 * `node tests/mutation/run.ts [--only NAME]`: every check must hold as the product generates its resources, and break
 * under each mutant that names it. Exit code 1 names what did not.
 */
import { parseArgs } from 'node:util';
import type { Check, Verdict } from './check.ts';
import { CountedEdit } from './edits.ts';
import { Lab, World } from './lab.ts';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';

/** Two cores: more at once would measure the machine. */
const AT_ONCE = 2;

type Outcome =
  | { readonly kind: 'judged'; readonly verdict: Verdict }
  | { readonly kind: 'no-effect' }
  | { readonly kind: 'error'; readonly message: string };

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const chosen = MUTANTS.filter(({ name }) => values.only === undefined || name === values.only);
if (chosen.length === 0) {
  process.stderr.write(`no mutant is called ${values.only}; there are ${MUTANTS.map(({ name }) => name).join(', ')}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await runAll(chosen);
}

async function runAll(mutants: readonly Mutant[]): Promise<number> {
  const beginMs = performance.now();
  await using world = await World.start();
  const checks = [...new Set(mutants.map(({ check }) => check))];
  const baselines = new Map<Check, Outcome>();
  await inParallel(checks, async (check) => baselines.set(check, await judged(world, check, undefined)));
  const rows = new Map<Mutant, Outcome>();
  await inParallel(mutants, async (mutant) => rows.set(mutant, await judged(world, mutant.check, mutant)));
  const problems = mutants.flatMap((mutant) => problemOf(mutant, baselines.get(mutant.check), rows.get(mutant)));
  const table = mutants.map((mutant) => [
    mutant.name,
    mutant.check.name,
    textOf(baselines.get(mutant.check)),
    textOf(rows.get(mutant)),
  ]);
  const seconds = Math.round((performance.now() - beginMs) / 1000);
  process.stdout.write(formatTable([['MUTANT', 'CHECK', 'BASELINE', 'MUTANT BROKE'], ...table]));
  process.stdout.write(`${mutants.length} mutants, ${problems.length} problems, ${seconds} s\n`);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

async function judged(world: World, check: Check, mutant: Mutant | undefined): Promise<Outcome> {
  const edit = new CountedEdit(mutant?.edit);
  try {
    await using lab = new Lab(world, edit);
    const verdict = await check.run(lab);
    return mutant !== undefined && edit.changed === 0 ? { kind: 'no-effect' } : { kind: 'judged', verdict };
  } catch (error) {
    return { kind: 'error', message: error instanceof Error ? error.message : String(error) };
  }
}

/** A check that could not be run proves nothing, so an error is a problem even under a mutant. */
function problemOf(mutant: Mutant, baseline: Outcome | undefined, row: Outcome | undefined): readonly string[] {
  const { name, check } = mutant;
  if (baseline?.kind === 'error') return [`${name}: the check cannot be run: ${baseline.message}`];
  if (baseline?.kind !== 'judged' || baseline.verdict.broken > 0) {
    return [`${name}: "${check.promise}" does not hold as generated: ${textOf(baseline)} ${detailOf(baseline)}`];
  }
  if (row?.kind === 'error') return [`${name}: the check cannot be run under the mutant: ${row.message}`];
  if (row?.kind !== 'judged') return [`${name}: ${mutant.setting} was not found in any resource`];
  if (row.verdict.broken > 0) return [];
  return [`${name} SURVIVED: without ${mutant.setting} (${mutant.file}) "${check.promise}" still holds`];
}

function textOf(outcome: Outcome | undefined): string {
  if (outcome?.kind === 'judged') return `${outcome.verdict.broken} of ${outcome.verdict.of}`;
  return outcome?.kind ?? 'not run';
}

function detailOf(outcome: Outcome | undefined): string {
  return outcome?.kind === 'judged' ? outcome.verdict.detail : '';
}

function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

async function inParallel<T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> {
  const waiting = items.values();
  const work = async (): Promise<void> => {
    for (const item of waiting) await run(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
