import { Option } from 'commander';
import type { Io } from '../io.ts';
import { type Column, formatTable } from './table.ts';

/** The `-o` flag of every command that shows objects. JSON and YAML are the documented objects, complete. */
export const OUTPUT_FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export function outputOption(formats: readonly OutputFormat[] = OUTPUT_FORMATS): Option {
  return new Option('-o, --output <format>', 'output format').choices(formats).default(formats[0]);
}

/**
 * Names come from other clusters and may hold anything. What could steer a terminal or reorder its text is escaped, in a
 * form that reads back as the same value.
 */
export async function formatObject(value: unknown, format: 'json' | 'yaml'): Promise<string> {
  if (format === 'json') return `${escaped(JSON.stringify(value, undefined, 2))}\n`;
  const { Document, Scalar, visit } = await import('yaml');
  const document = new Document(value);
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && UNPRINTABLE.test(node.value)) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return escaped(document.toString({ lineWidth: 0 }));
}

/** C1 controls (one of them begins terminal sequences as ESC [ does), line separators, marks that turn text around. */
const UNPRINTABLE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const EACH_UNPRINTABLE = new RegExp(UNPRINTABLE, 'g');

/** Of JSON, or of YAML in double quotes: both know the form. */
function escaped(text: string): string {
  return text.replace(EACH_UNPRINTABLE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
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
