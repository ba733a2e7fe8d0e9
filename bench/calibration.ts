/**
 * How fast this machine is right now: fixed work of the kinds that the benches are made of, each the median of some
 * rounds. Printed before a run of all benches, and after it: figures of runs whose calibrations differ by more than a
 * tenth are not comparable, and the load average says why.
 *
 *     node bench/calibration.ts
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';

const ROUNDS = 15;
const LOOP_STEPS = 20_000_000;
const HASH_BYTES = 8 * 1024 * 1024;
const TURNS = 2_000;

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function medianMs(task: () => void | Promise<void>): Promise<number> {
  const samples: number[] = [];
  // The first round compiles, and is thrown away.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const startMs = performance.now();
    await task();
    if (round > 0) samples.push(performance.now() - startMs);
  }
  return Number(median(samples).toFixed(2));
}

let sink = 0;
function loop(): void {
  for (let step = 0; step < LOOP_STEPS; step += 1) sink = (sink * 31 + step) | 0;
}

const bytes = Buffer.alloc(HASH_BYTES, 'x');
const folder = mkdtempSync(join(tmpdir(), 'isthmus-bench-'));
const file = openSync(join(folder, 'file'), 'w');
try {
  const calibration = {
    loopMs: await medianMs(loop),
    sha256Ms: await medianMs(() => void createHash('sha256').update(bytes).digest()),
    /** How soon this process gets its turn again while others compete for the cores. */
    eventLoopMs: await medianMs(async () => {
      for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }),
    fsyncMs: await medianMs(() => {
      writeSync(file, bytes, 0, 4096, 0);
      fsyncSync(file);
    }),
  };
  const [load1 = 0] = loadavg();
  const machine = { cores: cpus().length, cpu: cpus()[0]?.model.trim(), load1: Number(load1.toFixed(1)) };
  console.log(JSON.stringify({ bench: 'calibration', ...calibration, ...machine, node: process.version }));
} finally {
  closeSync(file);
  rmSync(folder, { recursive: true });
}
