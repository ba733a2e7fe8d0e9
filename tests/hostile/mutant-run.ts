import type { Mutant } from './mutants.ts';
import { runSeeds } from './pool.ts';

/** How a mutant was found out, or that it was not. */
export interface MutantRun {
  readonly mutant: Mutant;
  /** Undefined: it survived. */
  readonly caught: { readonly seed: number; readonly violation: string } | undefined;
}

/** Seeds that are tried when the known one does not find it any more, because a run draws otherwise now. */
const SEEDS_MAX = 80;

export async function runMutant(mutant: Mutant): Promise<MutantRun> {
  const others = Array.from({ length: SEEDS_MAX }, (_, index) => index + 1).filter((seed) => seed !== mutant.seed);
  const { broken } = await runSeeds({
    layer: 'contract',
    seeds: [mutant.seed, ...others],
    jobs: 1,
    mutant,
    stop: true,
  });
  const [first] = broken;
  const violation = first?.violations[0];
  return { mutant, caught: first && violation !== undefined ? { seed: first.seed, violation } : undefined };
}

/** Two at a time, in the order of the list. */
export async function runMutants(
  mutants: readonly Mutant[],
  onRun: (run: MutantRun) => void = () => undefined,
): Promise<readonly MutantRun[]> {
  const runs: MutantRun[] = [];
  const waiting = mutants.values();
  const work = async (): Promise<void> => {
    for (const mutant of waiting) {
      const run = await runMutant(mutant);
      runs.push(run);
      onRun(run);
    }
  };
  await Promise.all([work(), work()]);
  return runs.sort((left, right) => mutants.indexOf(left.mutant) - mutants.indexOf(right.mutant));
}

export function formatMutantRun({ mutant, caught }: MutantRun): string {
  const without = `without ${mutant.without}`;
  if (caught === undefined) return `${mutant.name} SURVIVED: ${without} no run of ${SEEDS_MAX} is broken`;
  return `${mutant.name}: caught by seed ${caught.seed}: ${caught.violation}`;
}
