/** Calls that start on schedule whatever happened before, so that a stall shows as many late answers and not as few calls. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Outcome {
  /** Start relative to the event; negative before it. */
  readonly startMs: number;
  readonly tookMs: number;
  /** What the call answered, or `failed: WHY`. */
  readonly answer: string;
}

export interface LoadPlan {
  readonly perSecond: number;
  readonly seconds: number;
  /** Happens after this many seconds. */
  readonly event?: { readonly atSeconds: number; readonly run: () => Promise<void> } | undefined;
}

export async function load(call: () => Promise<string>, plan: LoadPlan): Promise<readonly Outcome[]> {
  const beginMs = performance.now();
  let eventMs = beginMs + (plan.event?.atSeconds ?? 0) * 1000;
  let happening: Promise<void> | undefined;
  const calls: Promise<{ startMs: number; tookMs: number; answer: string }>[] = [];
  for (let index = 0; index < plan.perSecond * plan.seconds; index++) {
    const dueMs = beginMs + (index * 1000) / plan.perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    if (plan.event !== undefined && happening === undefined && dueMs >= eventMs) {
      eventMs = performance.now();
      happening = plan.event.run();
    }
    calls.push(timed(call));
  }
  await happening;
  return (await Promise.all(calls)).map((outcome) => ({ ...outcome, startMs: outcome.startMs - eventMs }));
}

async function timed(call: () => Promise<string>): Promise<{ startMs: number; tookMs: number; answer: string }> {
  const startMs = performance.now();
  const answer = await call().catch(
    (error: unknown) => `failed: ${error instanceof Error ? error.message : 'unknown'}`,
  );
  return { startMs, tookMs: performance.now() - startMs, answer };
}

/** How often each answer was given, sorted. */
export function tally(outcomes: readonly Outcome[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { answer } of outcomes) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([left], [right]) => (left < right ? -1 : 1)));
}

export function failures(outcomes: readonly Outcome[], good: readonly string[]): readonly Outcome[] {
  return outcomes.filter(({ answer }) => !good.includes(answer));
}
