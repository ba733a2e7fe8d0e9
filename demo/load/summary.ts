import { createHistogram } from 'node:perf_hooks';
import { endedMs, type Sample, startedMs } from './sample.ts';

/** What a stretch of load amounts to. Pure: the same samples give the same numbers. */
export interface Window {
  readonly fromMs: number;
  /** Attempts due at or after this moment belong to the next stretch. */
  readonly toMs: number;
}

export interface Latency {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Summary {
  readonly requests: number;
  readonly failed: number;
  /** Attempts by who answered, sorted by name. */
  readonly answers: Readonly<Record<string, number>>;
  /** Failures by reason, sorted. */
  readonly failures: Readonly<Record<string, number>>;
  /** Of the successful ones, from due to answer. Absent when none succeeded. */
  readonly latency?: Latency;
  /** The generator's own error: how late attempts began. A large value makes the run worthless. */
  readonly lagP99Ms: number;
}

export interface EventSummary {
  /**
   * From the event until the last affected attempt was over (failed, or answered slower than `slowMs`); 0 when none was
   * affected. What a user would call the outage, stuck requests included.
   */
  readonly recoveryMs: number;
  /** From the event to the start of the last affected attempt: later ones were all served promptly. */
  readonly affectedStartsMs: number;
  /** Failures of attempts that were open at the event. */
  readonly failedInFlight: number;
  /** Failures of attempts that started up to `promptMs` after the event. */
  readonly failedAtOnce: number;
  /** Failures of attempts that started later than that. */
  readonly failedLater: number;
  readonly slow: number;
  readonly slowestMs: number;
}

export interface EventLimits {
  /** An answer that takes longer counts as part of the outage. */
  readonly slowMs: number;
  /** Failures that start within this time of the event are told apart from later ones. */
  readonly promptMs: number;
}

/** 500 ms is far beyond any answer of a healthy demo, also on two busy cores; 30 ms is what is promised for TCP. */
export const EVENT_LIMITS: EventLimits = { slowMs: 500, promptMs: 30 };

export function select(samples: readonly Sample[], window: Window, stream?: string): readonly Sample[] {
  return samples.filter(
    (sample) =>
      sample.dueMs >= window.fromMs && sample.dueMs < window.toMs && (stream === undefined || sample.stream === stream),
  );
}

export function summarise(samples: readonly Sample[]): Summary {
  const good = samples.filter((sample) => sample.ok);
  const bad = samples.filter((sample) => !sample.ok);
  return {
    requests: samples.length,
    failed: bad.length,
    answers: tally(good),
    failures: tally(bad),
    lagP99Ms: percentiles(samples.map((sample) => sample.lagMs)).p99Ms,
    ...(good.length === 0 ? {} : { latency: percentiles(good.map((sample) => sample.latencyMs)) }),
  };
}

/** @param eventMs when it happened, on the generator's clock; attempts that were over by then do not count */
export function summariseEvent(samples: readonly Sample[], eventMs: number, limits = EVENT_LIMITS): EventSummary {
  const concerned = samples.filter((sample) => endedMs(sample) >= eventMs);
  const failed = concerned.filter((sample) => !sample.ok);
  const slow = concerned.filter((sample) => sample.ok && sample.latencyMs > limits.slowMs);
  const affected = [...failed, ...slow];
  const inFlight = failed.filter((sample) => startedMs(sample) < eventMs).length;
  const later = failed.filter((sample) => startedMs(sample) > eventMs + limits.promptMs).length;
  return {
    recoveryMs: Math.max(0, ...affected.map((sample) => endedMs(sample) - eventMs)),
    affectedStartsMs: Math.max(0, ...affected.map((sample) => startedMs(sample) - eventMs)),
    failedInFlight: inFlight,
    failedAtOnce: failed.length - inFlight - later,
    failedLater: later,
    slow: slow.length,
    slowestMs: Math.max(0, ...concerned.map((sample) => sample.latencyMs)),
  };
}

/** When the first attempt started at or after `sinceMs` was answered by one of `answers`; undefined when none was. */
export function firstAnswerMs(
  samples: readonly Sample[],
  sinceMs: number,
  answers: ReadonlySet<string>,
): number | undefined {
  const times = samples
    .filter((sample) => sample.ok && answers.has(sample.answer) && startedMs(sample) >= sinceMs)
    .map(endedMs);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Nearest-rank percentiles to three digits, by the histogram of `node:perf_hooks`, in microseconds inside. */
export function percentiles(valuesMs: readonly number[]): Latency {
  const histogram = createHistogram();
  for (const value of valuesMs) histogram.record(Math.max(1, Math.round(value * 1000)));
  if (valuesMs.length === 0) return { p50Ms: 0, p90Ms: 0, p99Ms: 0, maxMs: 0 };
  const at = (percentile: number): number => histogram.percentile(percentile) / 1000;
  return { p50Ms: at(50), p90Ms: at(90), p99Ms: at(99), maxMs: Math.max(...valuesMs) };
}

function tally(samples: readonly Sample[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { answer } of samples) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([left], [right]) => (left < right ? -1 : 1)));
}
