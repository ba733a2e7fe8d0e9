import { oneLine } from './findings.ts';

/** kubectl's kind of table: no borders, upper-case headers, columns three blanks apart, the same with and without a TTY. */
export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => string | number | undefined;
  /** Shown with `-o wide` only. */
  readonly wide?: true;
}

const GAP = '   ';
/** As kubectl writes an absent value. */
const NONE = '<none>';

export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [
    columns.map((column) => column.header),
    ...rows.map((row) => columns.map((column) => cellText(column, row))),
  ];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join(GAP)
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function cellText<Row>(column: Column<Row>, row: Row): string {
  const value = column.cell(row);
  return value === undefined || value === '' ? NONE : oneLine(String(value));
}

/** kubectl's ages: two units while they matter, `5m12s`, `3h`, `12d`. */
export function formatAge(seconds: number | undefined): string | undefined {
  if (seconds === undefined || !Number.isFinite(seconds)) return undefined;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole}s`;
  if (whole < 600) return `${Math.floor(whole / 60)}m${whole % 60 === 0 ? '' : `${whole % 60}s`}`;
  if (whole < 7_200) return `${Math.floor(whole / 60)}m`;
  if (whole < 172_800) return `${Math.floor(whole / 3_600)}h`;
  return `${Math.floor(whole / 86_400)}d`;
}
