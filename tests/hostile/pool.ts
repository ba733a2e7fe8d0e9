import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Tally } from './attack.ts';
import type { Mutant } from './mutants.ts';

/** Runs seeds in processes of their own and adds up what they report. */
export interface RunReport {
  readonly seed: number;
  readonly durationMs: number;
  readonly events: number;
  /** From the end of the attacks until all readers agreed. */
  readonly healedMs: number;
  readonly violations: readonly string[];
  /** `kind/name` of attacks and how often they took effect. */
  readonly fired: readonly (readonly [string, number])[];
  /** What each invariant was judged by. */
  readonly facts: readonly (readonly [string, number])[];
}

export interface PoolInit {
  readonly layer: string;
  readonly seeds: readonly number[];
  /** Two cores: one process each. */
  readonly jobs?: number | undefined;
  readonly mutant?: Mutant | undefined;
  /** Ends a process with its first violation: for mutants, which one violation has caught. */
  readonly stop?: boolean | undefined;
  readonly onReport?: ((report: RunReport) => void) | undefined;
}

export interface Sum {
  readonly reports: readonly RunReport[];
  readonly tally: Tally;
  /** Those that did not keep every invariant. */
  readonly broken: readonly RunReport[];
  readonly facts: ReadonlyMap<string, number>;
}

const WORKER = join(import.meta.dirname, 'worker.ts');
const JOBS = 2;

/** @throws Error when a worker ends without having run its seeds: that is no result, good or bad. */
export async function runSeeds(init: PoolInit): Promise<Sum> {
  const { seeds, jobs = JOBS } = init;
  const shares = Array.from({ length: jobs }, (_, job) => seeds.filter((_seed, index) => index % jobs === job));
  const parts = await Promise.all(shares.filter(({ length }) => length > 0).map((share) => runShare(init, share)));
  const reports = parts.flat().sort((left, right) => left.seed - right.seed);
  const tally = new Tally();
  const facts = new Map<string, number>();
  for (const report of reports) {
    tally.add(Tally.from(report.fired));
    for (const [id, count] of report.facts) facts.set(id, (facts.get(id) ?? 0) + count);
  }
  return { reports, tally, facts, broken: reports.filter(({ violations }) => violations.length > 0) };
}

async function runShare(init: PoolInit, seeds: readonly number[]): Promise<readonly RunReport[]> {
  const { layer, mutant, stop = false, onReport } = init;
  const args = [WORKER, '--layer', layer, '--seeds', seeds.join(',')];
  if (mutant !== undefined) args.push('--mutant', JSON.stringify(mutant));
  if (stop) args.push('--stop');
  const worker = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('close', resolve);
  });
  let complaint = '';
  worker.stderr.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk.toString()}`.slice(-4_000);
  });
  const reports: RunReport[] = [];
  for await (const line of createInterface({ input: worker.stdout })) {
    // Written by `worker.ts` of the same tree.
    const report = JSON.parse(line) as RunReport;
    reports.push(report);
    onReport?.(report);
  }
  const code = await ended;
  const isStopped = stop && reports.some(({ violations }) => violations.length > 0);
  if (code !== 0 || (reports.length < seeds.length && !isStopped)) {
    throw new Error(`a worker ended with ${code} after ${reports.length} of ${seeds.length} runs: ${complaint}`);
  }
  return reports;
}
