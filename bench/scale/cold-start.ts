import { fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, median } from './figures.ts';
import type { FilledStore } from './filled-store.ts';
import type { Complete, ReaderProcess } from './reader-process.ts';

/**
 * From the start of a new process to the moment when every member is verified, merged and compiled: with nothing but the
 * store, then with nothing but the disk.
 */
const TARGET_MS = 2_000;
/** What was verified is written behind the hot path, at a bounded rate; a restart that comes sooner reads the rest anew. */
const KEPT_WAIT_MS = 60_000;

export async function measureStarts(filled: FilledStore, rounds: number): Promise<Figure[]> {
  const { shape, store } = filled;
  const fresh: Complete[] = [];
  const restored: Complete[] = [];
  const stateDir = await filled.stateFolder();
  for (let round = 0; round < rounds; round += 1) {
    await using reader = filled.reader(round === 0 ? stateDir : await filled.stateFolder());
    fresh.push(await reader.complete);
    if (round === 0) await untilKept(reader);
  }
  for (let round = 0; round < rounds; round += 1) {
    await using reader = filled.reader(stateDir, { store: 'dark' });
    restored.push(await reader.complete);
  }
  const name = `${shape.name}, ${store.name}`;
  const rss = median(fresh.map(({ usage }) => usage.rssBytes)) / 1e6;
  return [
    { what: `${name}: start with the store`, value: totalOf(fresh), unit: 'ms', target: TARGET_MS },
    { what: `${name}: start with the store, every record verified`, value: verifiedOf(fresh), unit: 'ms' },
    { what: `${name}: start from disk, store dark`, value: totalOf(restored), unit: 'ms', target: TARGET_MS },
    { what: `${name}: start from disk, every record verified`, value: verifiedOf(restored), unit: 'ms' },
    { what: `${name}: of which loading the code`, value: median(fresh.map(loadOf)), unit: 'ms' },
    {
      what: `${name}: CPU time of a start with the store`,
      value: median(fresh.map(({ usage }) => usage.cpuMs)),
      unit: 'ms',
    },
    { what: `${name}: of which its main thread`, value: median(fresh.map(({ usage }) => usage.mainCpuMs)), unit: 'ms' },
    { what: `${name}: resident when started`, value: rss, unit: 'MB' },
  ];
}

/** Reads, hashes and parses the same records and does nothing else. Of an embedded store. */
export async function measureFloor(filled: FilledStore): Promise<number> {
  const child = fork(join(import.meta.dirname, 'floor.ts'), [filled.store.readerUrl]);
  return await new Promise((resolve, reject) => {
    child.once('message', (message) => resolve((message as { sinceStartMs: number }).sinceStartMs));
    child.once('exit', (code) => reject(new Error(`the floor ended with ${code}`)));
  });
}

function totalOf(starts: readonly Complete[]): number {
  return median(starts.map(({ sinceStartMs }) => sinceStartMs));
}

function verifiedOf(starts: readonly Complete[]): number {
  return median(starts.map(({ verifiedMs }) => verifiedMs));
}

function loadOf({ loadedMs }: Complete): number {
  return loadedMs;
}

/** Until the reader has stopped writing to its disk: its CPU rests. */
async function untilKept(reader: ReaderProcess): Promise<void> {
  const giveUpAtMs = performance.now() + KEPT_WAIT_MS;
  let before = await reader.usage();
  while (performance.now() < giveUpAtMs) {
    await sleep(2_000);
    const now = await reader.usage();
    if (now.cpuMs - before.cpuMs < 100) return;
    before = now;
  }
}
