import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, quantile } from './figures.ts';
import type { FilledStore } from './filled-store.ts';
import type { ReaderProcess } from './reader-process.ts';

/**
 * A thousand changed services a second all over the clusterset. Nothing final may be lost, memory stays bounded, and
 * soon after the storm a change is as quick as before it.
 */
const RATE_PER_S = 1_000;
const CALM_RATE_PER_S = 20;
const CALM_MS = 8_000;
const TARGET_RECOVERY_S = 5;
/** The last good state of all, once more, as garbage that was not collected yet. */
const TARGET_GROWTH_MB = 250;
/** Above the tenth of a second that a change may take at worst in calm times. */
const NORMAL_FLOOR_MS = 50;
const TICK_MS = 20;
const SETTLE_TIMEOUT_MS = 60_000;

export async function measureStorm(filled: FilledStore, stormMs: number): Promise<Figure[]> {
  await using reader = filled.reader(await filled.stateFolder());
  await reader.complete;
  await sleep(5_000);
  await reader.usage();
  await changeAtRate(filled, CALM_RATE_PER_S, CALM_MS);
  const calm = await reader.usage();
  const watched = watch(reader);
  const late = await changeAtRate(filled, RATE_PER_S, stormMs);
  const storm = await watched.end();
  const recoveryS = await recovery(filled, reader, quantile(calm.latenciesMs, 0.99));
  const lost = await lostVersions(filled, reader);
  const name = `storm of ${RATE_PER_S}/s for ${stormMs / 1_000} s, ${filled.store.name}`;
  return [
    { what: `${name}: final versions lost`, value: lost, unit: 'versions', target: 0 },
    {
      what: `${name}: resident memory above that of calm`,
      value: (storm.rssMax - calm.rssBytes) / 1e6,
      unit: 'MB',
      target: TARGET_GROWTH_MB,
    },
    { what: `${name}: until p99 is normal again`, value: recoveryS, unit: 's', target: TARGET_RECOVERY_S },
    { what: `${name}: signed to derived before, p99`, value: quantile(calm.latenciesMs, 0.99), unit: 'ms' },
    { what: `${name}: signed to derived during, p50`, value: quantile(storm.latenciesMs, 0.5), unit: 'ms' },
    { what: `${name}: signed to derived during, p99`, value: quantile(storm.latenciesMs, 0.99), unit: 'ms' },
    { what: `${name}: a controller`, value: storm.cpuPercent, unit: '% of a core' },
    { what: `${name}: the load itself fell behind by`, value: late, unit: 'ms' },
  ];
}

/** @returns by how much the load fell behind its rate */
async function changeAtRate({ writers, shape }: FilledStore, ratePerS: number, forMs: number): Promise<number> {
  const startMs = performance.now();
  const total = Math.round((forMs / 1_000) * ratePerS);
  let sent = 0;
  const working: Promise<void>[] = [];
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1_000) * ratePerS));
    for (; sent < due; sent += 1) {
      const writer = writers[sent % writers.length];
      const service = ((sent * 37) % 10) * 100 + (sent % 100 === 0 ? 0 : sent % 100);
      if (writer !== undefined) working.push(writer.change(new Map([[service % shape.servicesEach, 1 + (sent % 90)]])));
    }
    await sleep(TICK_MS);
  }
  await Promise.all(working);
  return Math.max(0, performance.now() - startMs - forMs);
}

/** Memory and latencies of a reader until `end` is called. */
function watch(reader: ReaderProcess): {
  end: () => Promise<{ rssMax: number; latenciesMs: readonly number[]; cpuPercent: number }>;
} {
  const stop = new AbortController();
  const latenciesMs: number[] = [];
  let rssMax = 0;
  const running = (async () => {
    const first = await reader.usage();
    let last = first;
    while (!stop.signal.aborted) {
      await sleep(500, undefined, { signal: stop.signal }).catch(() => undefined);
      last = await reader.usage();
      rssMax = Math.max(rssMax, last.rssBytes);
      for (const latencyMs of last.latenciesMs) latenciesMs.push(latencyMs);
    }
    return (100 * (last.cpuMs - first.cpuMs)) / (last.atMs - first.atMs);
  })();
  return {
    end: async () => {
      stop.abort();
      return { cpuPercent: await running, rssMax, latenciesMs };
    },
  };
}

/** Seconds until the changes of a whole second are as quick as in calm times. */
async function recovery(filled: FilledStore, reader: ReaderProcess, normalP99Ms: number): Promise<number> {
  const normalMs = Math.max(NORMAL_FLOOR_MS, 1.5 * normalP99Ms);
  const startMs = performance.now();
  while (performance.now() - startMs < SETTLE_TIMEOUT_MS) {
    const beganMs = performance.now();
    await changeAtRate(filled, CALM_RATE_PER_S, 1_000);
    await sleep(100);
    const { latenciesMs } = await reader.usage();
    if (latenciesMs.length > 0 && quantile(latenciesMs, 0.99) <= normalMs) return (beganMs - startMs) / 1_000;
  }
  return SETTLE_TIMEOUT_MS / 1_000;
}

async function lostVersions({ writers }: FilledStore, reader: ReaderProcess): Promise<number> {
  const giveUpAtMs = performance.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const { versions } = await reader.state();
    const lost = writers.filter(({ cluster, version }) => versions[cluster] !== version).length;
    if (lost === 0 || performance.now() >= giveUpAtMs) return lost;
    await sleep(200);
  }
}
