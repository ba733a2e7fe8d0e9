/** Callers of the checks. What they get back is counted, never thrown: a mutant's failures are the point. */
import { callHttp, whoTcp } from '../envoy/clients.ts';
import type { Verdict } from './check.ts';

/** Calls in rounds, so that a slow machine is not flooded. */
export async function rounds<T>(total: number, atOnce: number, call: () => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  while (results.length < total) {
    const size = Math.min(atOnce, total - results.length);
    results.push(...(await Promise.all(Array.from({ length: size }, () => call()))));
  }
  return results;
}

/** `200 b`, `503 envoy's words`, or `failed: WHY`. */
export async function ask(port: number, path: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
  try {
    const { status, who } = await callHttp(port, path, { method });
    return `${status} ${who.trim()}`;
  } catch (error) {
    return failed(error);
  }
}

/** `b`, `nothing`, or `failed: WHY`. */
export async function askTcp(port: number): Promise<string> {
  try {
    return (await whoTcp(port)).trim();
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): string {
  return `failed: ${error instanceof Error ? error.message : 'unknown'}`;
}

/** All those answers break the promise that are none of the good ones. */
export function judge(answers: readonly string[], good: readonly string[]): Verdict {
  const bad = answers.filter((answer) => !good.includes(answer));
  return { broken: bad.length, of: answers.length, detail: tally(bad) };
}

function tally(answers: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return [...counts].map(([answer, count]) => `${count} x ${answer}`).join(', ');
}
