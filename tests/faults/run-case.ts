/** Runs one case on one kind of server, in this process. */
import { errorText } from '../../runtime/errors.ts';
import { isInstalled, programPath } from '../redis/programs.ts';
import type { Outcome } from './outcome.ts';
import { partsOf, type PlannedRun } from './plan.ts';
import { NotRunError, type Stage } from './suite.ts';

export async function runCase({ fault, kind }: PlannedRun, seed: number): Promise<Outcome> {
  const beganMs = performance.now();
  const notes: string[] = [];
  const { name, row, alert } = fault;
  const ended = (result: Outcome['result'], reason?: string): Outcome => {
    return { name, row, alert, kind, result, reason, notes, seconds: (performance.now() - beganMs) / 1000, seed };
  };
  const parts = partsOf(kind);
  if (kind !== 'none' && !isInstalled(parts.program))
    return ended('not run', `${programPath(parts.program)} is missing`);
  try {
    await using owned = new AsyncDisposableStack();
    const stage: Stage = { kind, ...parts, seed, owned, note: (text) => notes.push(text) };
    await fault.run(stage);
  } catch (error) {
    if (error instanceof NotRunError) return ended('not run', error.message);
    return ended('fail', errorText(error));
  }
  return ended('pass');
}
