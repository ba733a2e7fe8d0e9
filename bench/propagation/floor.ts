import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import type { Lab } from '../../demo/lab/lab.ts';
import { type Quantiles, quantilesOf } from './quantiles.ts';
import { stampMs } from './trace.ts';

/**
 * What the machine itself costs: a file is renamed, a process that watches its folder reads it and writes it to a
 * loopback connection, another process has it. No parsing, no store, no TLS, no Envoy.
 */
const RELAY = join(import.meta.dirname, 'floor-relay.ts');
const START_TIMEOUT_MS = 10_000;
const WARM_UP = 20;
const GAP_MS = 20;
const CONTENT = 'x'.repeat(600);

export async function measureFloor(lab: Lab, changes: number): Promise<Quantiles> {
  const folder = join(lab.directory, 'floor');
  mkdirSync(folder);
  const echo = lab.spawn('west/app', process.execPath, [RELAY, 'echo'], { name: 'floor-echo', stdout: 'pipe' });
  if (echo.child.stdout === null) throw new Error('the floor has no standard output');
  const lines = createInterface({ input: echo.child.stdout })[Symbol.asyncIterator]();
  const port = wordAfter('listening', await lines.next());
  const args = [RELAY, 'watch', folder, port];
  const watcher = lab.spawn('west/app', process.execPath, args, { name: 'floor-watch' });
  await watcher.untilLogged(/ready/, START_TIMEOUT_MS);
  const samples: number[] = [];
  for (let index = 0; index < changes + WARM_UP; index += 1) {
    const beside = join(lab.directory, 'floor.new');
    writeFileSync(beside, CONTENT);
    const startMs = stampMs();
    renameSync(beside, join(folder, 'file'));
    const gotMs = Number(wordAfter('got', await lines.next())) / 1e6;
    if (index >= WARM_UP) samples.push(gotMs - startMs);
    await new Promise((resolve) => setTimeout(resolve, GAP_MS));
  }
  await Promise.all([watcher.kill(), echo.kill()]);
  return quantilesOf(samples);
}

function wordAfter(word: string, { value }: IteratorResult<string, undefined>): string {
  const [first, second] = (value ?? '').split(' ');
  if (first !== word || second === undefined) throw new Error(`the floor said ${JSON.stringify(value)}`);
  return second;
}
