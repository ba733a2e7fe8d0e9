/** The table of `make test-faults`: a line for each case, a column for each kind of server. */
import type { Outcome } from './outcome.ts';
import { KINDS } from './plan.ts';

export function lineOf({ name, kind, result, seconds, reason, notes }: Outcome): string {
  const details = [...(reason === undefined ? [] : [reason]), ...notes].join('; ').replaceAll(/\s+/g, ' ');
  return `${result.padEnd(8)}${name.padEnd(34)}${kind.padEnd(18)}${seconds.toFixed(1).padStart(6)} s  ${details}`;
}

export function formatTable(outcomes: readonly Outcome[]): string {
  const kinds = KINDS.filter((kind) => outcomes.some((outcome) => outcome.kind === kind));
  const names = [...new Set(outcomes.map(({ name }) => name))];
  const rows = names.map((name) => [name, ...kinds.map((kind) => cellOf(outcomes, name, kind))]);
  return formatRows([['CASE', ...kinds.map((kind) => kind.toUpperCase())], ...rows]);
}

/** Everything that is not `pass` at the first go, with the reason and how to see it again. */
export function formatTroubles(outcomes: readonly Outcome[]): string {
  return outcomes
    .filter(({ result, failedBeside }) => result !== 'pass' || failedBeside !== undefined)
    .map(({ name, kind, result, reason, failedBeside, seed }) => {
      const again = `node tests/faults/one.ts ${name} '${kind}' ${seed}`;
      const why = (failedBeside ?? reason ?? '').replaceAll(/\s+/g, ' ');
      const how = failedBeside === undefined ? result : '* passed alone, failed beside other runs';
      return `${how}: ${name} on ${kind}: ${why}\n    again: ${again}\n`;
    })
    .join('');
}

function cellOf(outcomes: readonly Outcome[], name: string, kind: string): string {
  const outcome = outcomes.find((one) => one.name === name && one.kind === kind);
  if (outcome === undefined) return '-';
  return outcome.result === 'not run'
    ? 'not run'
    : `${outcome.result}${outcome.failedBeside === undefined ? '' : '*'} ${Math.round(outcome.seconds)} s`;
}

function formatRows(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}
