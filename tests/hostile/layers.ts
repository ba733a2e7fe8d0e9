import { contractRun } from './contract-run.ts';
import { hasProgram } from '../redis/programs.ts';
import { startServer } from '../redis/server.ts';
import { serverRun } from './server-run.ts';
import { wireRun } from './wire-run.ts';
import type { SiegeOutcome } from './siege.ts';
import type { Tally } from './attack.ts';

/**
 * Where runs take place. `contract`: in memory, on a clock of its own. `beside`: the same with an honest store beside the
 * hostile one. `server`: the product's store server over gRPC, with a store that lies. `wire`: a real Valkey behind a proxy.
 * The last two in real time.
 */
export interface Layer extends AsyncDisposable {
  /** How many runs fill one core: those that wait for real time leave room for others. */
  readonly atOnce: number;
  run(seed: number, log?: (line: string) => void): Promise<SiegeOutcome & { readonly tally: Tally }>;
}

/** They wait most of the time. */
const REAL_TIME_RUNS_AT_ONCE = 10;

export const LAYERS = ['contract', 'beside', 'server', 'wire'] as const;

function simulated(beside: Parameters<typeof contractRun>[0]): Layer {
  const run: Layer['run'] = (seed, log) => contractRun(beside, seed, log);
  return { atOnce: 1, run, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** What is promised of a thousand runs is tried at the contract and on the wire; the others are variations of these. */
const SHARES: Readonly<Record<string, number>> = { beside: 0.25, server: 0.25 };

export function seedsOf(
  layer: string,
  { from, runs }: { readonly from: number; readonly runs: number },
): readonly number[] {
  const length = Math.ceil(runs * (SHARES[layer] ?? 1));
  return Array.from({ length }, (_, index) => from + index);
}

/** Without a server there is no wire; that is said aloud, and nothing else is left out. */
export function layersHere(): readonly string[] {
  return LAYERS.filter((layer) => layer !== 'wire' || hasProgram('valkey', 'the hostile suite on the wire'));
}

export async function openLayer(name: string): Promise<Layer> {
  if (name === 'contract') return simulated('nobody');
  if (name === 'beside') return simulated('an-honest-store');
  if (name === 'server') {
    return { atOnce: REAL_TIME_RUNS_AT_ONCE, run: serverRun, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  if (name === 'wire') {
    const server = await startServer({ program: 'valkey' });
    return {
      atOnce: REAL_TIME_RUNS_AT_ONCE,
      run: (seed, log) => wireRun(server, seed, log),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }
  throw new Error(`no layer is called ${JSON.stringify(name)}; there are ${LAYERS.join(', ')}`);
}
