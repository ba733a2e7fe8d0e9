import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from './figures.ts';
import type { FilledStore } from './filled-store.ts';

/** Members that do nothing but beat, as all of them do every three seconds: what that costs a controller that follows them. */
const TARGET_PERCENT = 3;
const BEAT_INTERVAL_MS = 3_000;
const WARM_UP_MS = 12_000;

export async function measureHeartbeats(filled: FilledStore, forMs: number): Promise<Figure[]> {
  await using reader = filled.reader(await filled.stateFolder());
  await reader.complete;
  const stop = new AbortController();
  const beating = beatAll(filled, stop.signal);
  await sleep(WARM_UP_MS);
  const [before, wireBefore] = [await reader.usage(), filled.store.wire?.bytes];
  await sleep(forMs);
  const [after, wireAfter] = [await reader.usage(), filled.store.wire?.bytes];
  stop.abort();
  await beating;
  const ms = after.atMs - before.atMs;
  const name = `${filled.writers.length} members beat, ${filled.store.name}`;
  const bytes = ((wireAfter?.down ?? 0) - (wireBefore?.down ?? 0)) / (ms / 1_000);
  return [
    {
      what: `${name}: a controller`,
      value: (100 * (after.cpuMs - before.cpuMs)) / ms,
      unit: '% of a core',
      target: TARGET_PERCENT,
    },
    ...(wireAfter === undefined ? [] : [{ what: `${name}: received a second`, value: bytes, unit: 'bytes' } as const]),
  ];
}

/** Evenly spread, as clusters that started at different times are. */
async function beatAll({ writers }: FilledStore, signal: AbortSignal): Promise<void> {
  const startMs = performance.now();
  for (let beat = 0; !signal.aborted; beat += 1) {
    const dueMs = startMs + (beat * BEAT_INTERVAL_MS) / writers.length;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    await writers[beat % writers.length]?.beat();
  }
}
