import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, median } from './figures.ts';
import type { FilledStore } from './filled-store.ts';
import { MORE_READERS, READER } from './names.ts';
import type { ReaderProcess } from './reader-process.ts';

/**
 * One changed service: what each of several readers receives for it, and what it costs one of them, with few members and
 * with many.
 */
const TARGET_BYTES = 2 * 1024;
/** With ten times the members; the rest is the spread of two processes. */
const TARGET_RATIO = 1.3;
const CHANGES = 300;
const WARM_UP = 100;
/** Far enough apart that none is folded into another, near enough that polling adds little. */
const PAUSE_MS = 12;
/** Polls and beats that happen anyway are measured for as long and taken off. */
const IDLE_MS = 6_000;

export interface ChangeCost {
  readonly bytes: number;
  readonly cpuMs: number;
  readonly latencyMs: number;
}

export async function measureChange(filled: FilledStore): Promise<ChangeCost> {
  await using readers = new AsyncDisposableStack();
  const all: ReaderProcess[] = [];
  for (const cluster of [READER, ...MORE_READERS]) {
    const reader = readers.use(filled.reader(await filled.stateFolder(cluster), { cluster }));
    // One after the other: it is not their starts that are measured here.
    await reader.complete;
    all.push(reader);
  }
  const [measured] = all;
  if (measured === undefined) throw new Error('no reader');
  await changeMany(filled, WARM_UP);
  await sleep(1_000);
  const idle = await observed(filled, measured, () => sleep(IDLE_MS));
  const busy = await observed(filled, measured, () => changeMany(filled, CHANGES));
  const idlePerMs = { bytes: idle.bytes / idle.ms, cpuMs: idle.cpuMs / idle.ms };
  return {
    bytes: (busy.bytes - idlePerMs.bytes * busy.ms) / CHANGES / all.length,
    cpuMs: (busy.cpuMs - idlePerMs.cpuMs * busy.ms) / CHANGES,
    latencyMs: median(busy.latenciesMs),
  };
}

export function changeFigures(name: string, few: { members: number; cost: ChangeCost }, many: typeof few): Figure[] {
  const wire = `${name}: one change, on the wire to each reader`;
  return [
    { what: `${wire}, ${few.members} members`, value: few.cost.bytes, unit: 'bytes', target: TARGET_BYTES },
    { what: `${wire}, ${many.members} members`, value: many.cost.bytes, unit: 'bytes', target: TARGET_BYTES },
    { what: `${name}: CPU for one change, ${few.members} members`, value: few.cost.cpuMs, unit: 'ms' },
    { what: `${name}: CPU for one change, ${many.members} members`, value: many.cost.cpuMs, unit: 'ms' },
    { what: `${name}: ratio of the two`, value: many.cost.cpuMs / few.cost.cpuMs, unit: 'ratio', target: TARGET_RATIO },
    { what: `${name}: signed to derived, ${many.members} members, p50`, value: many.cost.latencyMs, unit: 'ms' },
  ];
}

interface Observed {
  readonly bytes: number;
  readonly cpuMs: number;
  readonly ms: number;
  readonly latenciesMs: readonly number[];
}

async function observed(filled: FilledStore, reader: ReaderProcess, work: () => Promise<void>): Promise<Observed> {
  const [before, wireBefore] = [await reader.usage(), filled.store.wire?.bytes.down ?? 0];
  await work();
  const [after, wireAfter] = [await reader.usage(), filled.store.wire?.bytes.down ?? 0];
  return {
    bytes: wireAfter - wireBefore,
    cpuMs: after.cpuMs - before.cpuMs,
    ms: after.atMs - before.atMs,
    latenciesMs: after.latenciesMs,
  };
}

async function changeMany({ writers, shape }: FilledStore, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const writer = writers[index % writers.length];
    // A multiple of the number of namespaces: of the distinct names one that the reader imports.
    const service = (index * 100) % shape.servicesEach;
    await writer?.change(new Map([[service, 1 + (writer.version % 50)]]));
    await sleep(PAUSE_MS);
  }
  await sleep(500);
}
