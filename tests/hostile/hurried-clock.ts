import { type Clock, sleepOn, SystemClock, type Timer } from '../../runtime/clock.ts';

/**
 * Real time that passes faster, but never faster than this process keeps up: on a machine that is busy with other things a
 * stall of half a second is not taken for seconds in which a store should have answered.
 */
export interface HurriedClockInit {
  readonly factor: number;
  readonly epochAtStartMs: number;
}

interface Pending {
  readonly dueMs: number;
  readonly task: () => void;
}

const TICK_MS = 4;
/** What one tick may be worth in real time, however late it comes. */
const TICK_MS_MAX = 12;

export class HurriedClock implements Clock, Disposable {
  readonly #init: HurriedClockInit;
  readonly #real = new SystemClock();
  readonly #pending = new Set<Pending>();
  #nowMs = 0;
  #tickedAtMs: number;
  #tick: Timer;

  constructor(init: HurriedClockInit) {
    this.#init = init;
    this.#tickedAtMs = this.#real.monotonicMs();
    this.#tick = this.#real.after(TICK_MS, () => this.#ticked());
  }

  epochMs(): number {
    return this.#init.epochAtStartMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: () => void): Timer {
    if (delayMs <= 0) return this.#real.after(0, task);
    const pending = { dueMs: this.#nowMs + delayMs, task };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  [Symbol.dispose](): void {
    this.#tick.cancel();
    this.#pending.clear();
  }

  #ticked(): void {
    const realMs = this.#real.monotonicMs();
    this.#nowMs += Math.min(realMs - this.#tickedAtMs, TICK_MS_MAX) * this.#init.factor;
    this.#tickedAtMs = realMs;
    const due = [...this.#pending].filter(({ dueMs }) => dueMs <= this.#nowMs);
    for (const pending of due.sort((left, right) => left.dueMs - right.dueMs)) {
      // One that came due may have cancelled another.
      if (this.#pending.delete(pending)) pending.task();
    }
    this.#tick = this.#real.after(TICK_MS, () => this.#ticked());
  }
}
