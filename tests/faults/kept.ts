/** "Nobody removes anything": looked at all the time while something else goes on. */
import { ExpectationError } from './eventually.ts';
import type { Federation } from './federation.ts';

const LOOK_EVERY_MS = 50;

/** While `work` runs no site sends its callers to fewer sites than before. */
export async function kept(federation: Federation, work: () => Promise<unknown>): Promise<void> {
  const before = new Map(federation.running.map((site) => [site, new Set(site.sees.keys())]));
  let objection: string | undefined;
  let working = true;
  const look = (): void => {
    for (const [site, clusters] of before) {
      if (!site.isRunning) continue;
      const seen = site.sees;
      for (const cluster of clusters)
        if ((seen.get(cluster) ?? 0) === 0) objection ??= `${site.cluster} removed ${cluster}`;
    }
    if (working) federation.clock.after(LOOK_EVERY_MS, look);
  };
  look();
  try {
    await work();
  } finally {
    working = false;
  }
  look();
  if (objection !== undefined) throw new ExpectationError(objection);
}
