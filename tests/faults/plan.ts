/** Which case is run on which servers. */
import type { Program } from '../redis/programs.ts';
import type { FaultCase, Layout, ServerKind } from './suite.ts';

export interface PlannedRun {
  readonly fault: FaultCase;
  readonly kind: ServerKind;
}

const PROGRAMS: readonly Program[] = ['valkey', 'redis'];
const LAYOUTS: readonly Layout[] = ['alone', 'pair', 'sentinel', 'cluster', 'tls'];

/** In the order of the table's columns. The Valkey of this project is built without TLS. */
export const KINDS: readonly ServerKind[] = [
  ...PROGRAMS.flatMap((program) =>
    LAYOUTS.filter((layout) => program === 'redis' || layout !== 'tls').map(
      (layout): ServerKind => `${program} ${layout}`,
    ),
  ),
  'none',
];

export function planRuns(
  cases: readonly FaultCase[],
  wanted: { readonly only?: string; readonly kind?: string },
): PlannedRun[] {
  return cases
    .filter(({ name }) => wanted.only === undefined || name === wanted.only)
    .flatMap((fault) => kindsOf(fault).map((kind) => ({ fault, kind })))
    .filter(({ kind }) => wanted.kind === undefined || kind === wanted.kind);
}

function kindsOf({ layouts }: FaultCase): readonly ServerKind[] {
  if (layouts.length === 0) return ['none'];
  return KINDS.filter((kind) => layouts.some((layout) => kind.endsWith(` ${layout}`)));
}

export function partsOf(kind: ServerKind): { readonly program: Program; readonly layout: Layout } {
  const program = PROGRAMS.find((one) => kind.startsWith(one)) ?? 'valkey';
  const layout = LAYOUTS.find((one) => kind.endsWith(one)) ?? 'alone';
  return { program, layout };
}
