import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;
const DEFAULT_LIMIT_MS = 20_000;

/**
 * Waits for a fact about servers. A look that fails is a look that has not seen it: servers that change their role or
 * start anew cut connections and refuse commands meanwhile. The last failure is told when time runs out.
 */
export async function until(
  what: string,
  look: () => Promise<boolean>,
  limitMs: number = DEFAULT_LIMIT_MS,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  let last = 'not so yet';
  for (;;) {
    try {
      if (await look()) return;
      last = 'not so yet';
    } catch (error) {
      last = String(error);
    }
    if (performance.now() > endMs) throw new Error(`waited ${limitMs} ms in vain for ${what}: ${last}`);
    await sleep(POLL_MS);
  }
}
