import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;
const DEFAULT_LIMIT_MS = 20_000;

/** Waits for a fact, and says which one when it does not become true. The limit only ends a test that has failed. */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs: number = DEFAULT_LIMIT_MS,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > endMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await sleep(POLL_MS);
  }
}
