/**
 * One attempt of the load generator. Times are milliseconds of the generator's monotonic clock.
 *
 * Latency counts from when the attempt was *due*, not from when it was sent: a generator that falls behind, or a system
 * that makes it wait, must not hide the wait (the "coordinated omission" of closed-loop load).
 */
export interface Sample {
  readonly stream: string;
  readonly dueMs: number;
  /** How late the attempt began: the generator's own error. */
  readonly lagMs: number;
  /** From due to the answer, or to the failure. */
  readonly latencyMs: number;
  readonly ok: boolean;
  /** Who answered, or why nobody did. A short word; few different ones. */
  readonly answer: string;
}

/** A moment that the caller named, on the generator's clock. */
export interface Mark {
  readonly name: string;
  readonly atMs: number;
}

export function startedMs(sample: Sample): number {
  return sample.dueMs + sample.lagMs;
}

export function endedMs(sample: Sample): number {
  return sample.dueMs + sample.latencyMs;
}
