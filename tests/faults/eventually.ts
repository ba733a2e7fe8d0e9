import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

/** What a case expected and did not see. */
export class ExpectationError extends Error {}

/** Waits until nothing is objected any more, and says what still was when that takes longer than promised. */
export async function eventually(
  what: string,
  limitMs: number,
  objections: () => readonly string[] | Promise<readonly string[]>,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const found = await objections();
    if (found.length === 0) return;
    if (performance.now() > endMs) throw new ExpectationError(`not within ${limitMs} ms, ${what}: ${found.join('; ')}`);
    await sleep(POLL_MS);
  }
}

/** Holds all the time for this long: for "nothing is removed", which no single look can show. */
export async function always(
  what: string,
  durationMs: number,
  objections: () => readonly string[] | Promise<readonly string[]>,
): Promise<void> {
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs) {
    const found = await objections();
    if (found.length > 0) throw new ExpectationError(`${what}: ${found.join('; ')}`);
    await sleep(POLL_MS);
  }
}

export function expect(what: string, holds: boolean): void {
  if (!holds) throw new ExpectationError(what);
}
