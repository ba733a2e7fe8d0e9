/** The list of cases as docs/reference/faults.md has it: `node tests/faults/listing.ts` prints it. */
import { CASES } from './cases.ts';
import type { FaultCase } from './suite.ts';

export function listingRow({ name, row, layouts, alert }: FaultCase): string {
  const where = layouts.length === 0 ? '' : layouts.join(', ');
  return `| \`${name}\` | ${row} | ${where} | ${alert === undefined ? '' : `\`${alert}\``} |`;
}

if (import.meta.main) for (const fault of CASES) process.stdout.write(`${listingRow(fault)}\n`);
