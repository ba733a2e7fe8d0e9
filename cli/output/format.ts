import { Option } from 'commander';
import type { Io } from '../io.ts';
import { type Column, formatTable } from './table.ts';

/** The `-o` flag of every command that shows objects. JSON and YAML are the documented objects, complete. */
export const OUTPUT_FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export function outputOption(formats: readonly OutputFormat[] = OUTPUT_FORMATS): Option {
  return new Option('-o, --output <format>', 'output format').choices(formats).default(formats[0]);
}

export async function formatObject(value: unknown, format: 'json' | 'yaml'): Promise<string> {
  if (format === 'json') return `${JSON.stringify(value, undefined, 2)}\n`;
  const { stringify } = await import('yaml');
  return stringify(value, { lineWidth: 0 });
}

export interface Listed<Row> {
  /** The object as `-o json` shows it. */
  readonly object: unknown;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  /** As `-o name` shows a row, e.g. `cluster/west`. */
  readonly nameOf: (row: Row) => string;
  /** Said on standard error when there are no rows. */
  readonly nothing: string;
}

export async function writeList<Row>(list: Listed<Row>, format: OutputFormat, io: Io): Promise<void> {
  switch (format) {
    case 'json':
    case 'yaml':
      io.stdout.write(await formatObject(list.object, format));
      return;
    case 'name':
      for (const row of list.rows) io.stdout.write(`${list.nameOf(row)}\n`);
      return;
    case 'table':
    case 'wide': {
      if (list.rows.length === 0) {
        io.stderr.write(`${list.nothing}\n`);
        return;
      }
      const columns = list.columns.filter((column) => format === 'wide' || column.wide !== true);
      io.stdout.write(formatTable(columns, list.rows));
    }
  }
}
