/** What came out of the scenarios, for people and for comparison. */
import type { Outcome } from './scenario.ts';

export interface Cell {
  readonly topology: string;
  readonly scenario: string;
  readonly verdict: 'pass' | 'fail' | 'not run';
  readonly seconds: number;
  readonly outcome?: Outcome;
  /** Why it failed, or was not run. */
  readonly reason?: string;
}

export function tableOf(cells: readonly Cell[]): string {
  const head = ['TOPOLOGY', 'SCENARIO', 'VERDICT', 'REQUESTS', 'FAILED', 'RECOVERY', 'TIME', 'NOTE'];
  const rows = cells.map(({ topology, scenario, verdict, seconds, outcome = {}, reason }) => [
    topology,
    scenario,
    verdict,
    String(outcome.counted?.requests ?? '-'),
    String(outcome.counted?.failed ?? '-'),
    outcome.recoveryMs === undefined ? '-' : `${outcome.recoveryMs} ms`,
    `${Math.round(seconds)} s`,
    firstLine(reason ?? outcome.note ?? ''),
  ]);
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const NOTE_MAX = 100;

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, NOTE_MAX);
}
