/** The documented list: `docs/reference/mutation.md` has a line for each, and a test compares the two. */
import { EXPORTER_MUTANTS } from './mutants-exporter.ts';
import { IMPORTER_MUTANTS } from './mutants-importer.ts';
import { TCP_MUTANTS } from './mutants-tcp.ts';
import type { Mutant } from './mutant.ts';

export const MUTANTS: readonly Mutant[] = [...IMPORTER_MUTANTS, ...TCP_MUTANTS, ...EXPORTER_MUTANTS];
