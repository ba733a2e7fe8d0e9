/**
 * Time as a value that is handed in. Nothing outside runtime/ may read a clock or start a timer by itself, so that
 * days of certificate rotation, a hundred clusters or a lossy store can be simulated in milliseconds.
 */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since 1970. For certificates and texts, never for ordering or liveness. */
  epochMs(): number;
  /** Monotonic milliseconds since an arbitrary start. For ages, time-outs and liveness. */
  monotonicMs(): number;
  /** Runs `task` once after `delayMs`. A task that throws is the caller's bug and ends the process. */
  after(delayMs: number, task: () => void): Timer;
  /** Resolves after `delayMs`, or rejects with the signal's reason. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** `Clock.sleep` for whoever has `after`. */
export function sleepOn(clock: Pick<Clock, 'after'>, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

export class SystemClock implements Clock {
  epochMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, task: () => void): Timer {
    if (delayMs <= 0) {
      // A timer of 0 ms waits for 1 ms at least: much, where a change passes several of them on its way to Envoy.
      const immediate = setImmediate(task);
      return { cancel: () => clearImmediate(immediate) };
    }
    const handle = setTimeout(task, delayMs);
    return { cancel: () => clearTimeout(handle) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }
}

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

/** A clock that stands still until `advance` moves it. Timers that are due run in the order of their due time. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #epochAtStartMs: number;
  readonly #pending = new Set<Pending>();

  constructor(epochAtStartMs = Date.UTC(2026, 0, 1)) {
    this.#epochAtStartMs = epochAtStartMs;
  }

  epochMs(): number {
    return this.#epochAtStartMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: () => void): Timer {
    const pending: Pending = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, task };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** How many timers wait. Tests advance only once the code under test has begun to wait. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Moves time on by `durationMs`, running due timers; lets promise continuations run between them. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      await settle();
      const next = this.#next();
      if (next === undefined || next.dueMs > endMs) break;
      this.#pending.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.task();
    }
    this.#nowMs = endMs;
    await settle();
  }

  #next(): Pending | undefined {
    let first: Pending | undefined;
    for (const candidate of this.#pending) {
      const earlier =
        first === undefined ||
        candidate.dueMs < first.dueMs ||
        (candidate.dueMs === first.dueMs && candidate.order < first.order);
      if (earlier) first = candidate;
    }
    return first;
  }
}

/** Lets everything run that only waits for promises, not for I/O. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
