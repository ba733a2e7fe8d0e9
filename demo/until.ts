import type { Clock } from '../runtime/clock.ts';
import { errorText, IsthmusError } from '../runtime/errors.ts';

/** Waits for a fact, never for time: asks until there is an answer, and says what it waited for when there is none. */
export interface Wait {
  readonly what: string;
  readonly timeoutMs: number;
  readonly everyMs?: number;
}

const EVERY_MS = 50;

export async function until<T>(clock: Clock, wait: Wait, ask: () => Promise<T | undefined>): Promise<T> {
  const deadlineMs = clock.monotonicMs() + wait.timeoutMs;
  let last = 'not so yet';
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = errorText(error);
    }
    if (clock.monotonicMs() > deadlineMs) {
      throw new IsthmusError('demo', `waited ${wait.timeoutMs} ms for ${wait.what}: ${last}`);
    }
    await clock.sleep(wait.everyMs ?? EVERY_MS);
  }
}
