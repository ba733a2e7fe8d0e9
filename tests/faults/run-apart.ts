/** One run in a process of its own: what it breaks, leaks or blocks ends with it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Outcome } from './outcome.ts';
import type { PlannedRun } from './plan.ts';

const PROGRAM = join(import.meta.dirname, 'one.ts');
/** Far above any case: this ends a run that hangs. */
const RUN_LIMIT_MS = 15 * 60_000;
const TAIL_BYTES = 4_000;

export function runApart(run: PlannedRun, seed: number): Promise<Outcome> {
  const { fault, kind } = run;
  const beganMs = performance.now();
  return new Promise((resolve) => {
    // It ends with its owner, and its servers with it.
    const command = [process.execPath, PROGRAM, fault.name, kind, String(seed)];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let complained = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (complained = (complained + text).slice(-TAIL_BYTES)));
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_LIMIT_MS);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const ending = `ended by ${signal ?? `code ${code ?? 'unknown'}`} without an outcome: ${complained.trim()}`;
      resolve(outcomeIn(said) ?? crashed(run, { seed, reason: ending, seconds: (performance.now() - beganMs) / 1000 }));
    });
  });
}

function outcomeIn(said: string): Outcome | undefined {
  const last = said.trimEnd().split('\n').at(-1) ?? '';
  // `one.ts` of this tree wrote it, or it is no JSON.
  return last.startsWith('{"name"') ? (JSON.parse(last) as Outcome) : undefined;
}

function crashed(
  { fault, kind }: PlannedRun,
  { seed, reason, seconds }: { seed: number; reason: string; seconds: number },
): Outcome {
  const { name, row, alert } = fault;
  return { name, row, alert, kind, result: 'fail', reason, notes: [], seconds, seed };
}
