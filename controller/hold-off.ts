import type { Clock, Timer } from '../runtime/clock.ts';

/**
 * Runs at its own pace: events only mark the world dirty. The first mark after a quiet time runs at once (one change must
 * reach Envoy within milliseconds); marks that follow closely are gathered until it is quiet for `quietMs`, but never
 * longer than `maxMs` after the first of them.
 */
export interface HoldOffLimits {
  readonly quietMs: number;
  readonly maxMs: number;
}

/** What of a run may come after the I/O that its first part began. Not called when the next run comes first. */
export type Rest = () => void;

/** Two round trips to a store near by: what is computed meanwhile would keep its answers waiting. */
const REST_AFTER_MS = 2;
/** Even where one run takes many seconds, news wait no longer than this for the next. */
const REST_MS_MAX = 2_000;

export class HoldOff {
  readonly #clock: Clock;
  readonly #limits: HoldOffLimits;
  readonly #run: () => Rest | undefined;
  #timer: Timer | undefined;
  #restTimer: Timer | undefined;
  #lastRunMs = Number.NEGATIVE_INFINITY;
  #lastEndMs = Number.NEGATIVE_INFINITY;
  #lastTookMs = 0;
  #firstMarkMs: number | undefined;
  #firstLaterMs: number | undefined;
  #closed = false;

  constructor(components: { clock: Clock }, init: HoldOffLimits & { run: () => Rest | undefined }) {
    this.#clock = components.clock;
    this.#limits = init;
    this.#run = init.run;
  }

  mark(): void {
    if (this.#closed) return;
    const nowMs = this.#clock.monotonicMs();
    this.#firstMarkMs ??= nowMs;
    const quietSince = nowMs - this.#lastRunMs >= this.#limits.quietMs;
    const overdueMs = this.#firstMarkMs + this.#limits.maxMs - nowMs;
    // Zero, not synchronously: what the same event still has to say joins this run.
    this.#schedule(quietSince ? 0 : Math.max(0, Math.min(this.#limits.quietMs, overdueMs)));
  }

  /** For news that may wait: gathered under limits of their own, or with the next run that does not wait. */
  markLater({ quietMs, maxMs }: HoldOffLimits): void {
    if (this.#closed) return;
    const nowMs = this.#clock.monotonicMs();
    this.#firstLaterMs ??= nowMs;
    if (this.#firstMarkMs === undefined)
      this.#schedule(Math.max(0, Math.min(quietMs, this.#firstLaterMs + maxMs - nowMs)));
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#restTimer?.cancel();
  }

  /** A run that took long is followed by a rest as long: half of the time stays for whoever brings the news. */
  #schedule(delayMs: number): void {
    const restMs = Math.min(this.#lastTookMs, REST_MS_MAX) - (this.#clock.monotonicMs() - this.#lastEndMs);
    this.#timer?.cancel();
    this.#timer = this.#clock.after(Math.max(delayMs, restMs), () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#firstMarkMs = undefined;
    this.#firstLaterMs = undefined;
    this.#restTimer?.cancel();
    this.#lastRunMs = this.#clock.monotonicMs();
    const rest = this.#run();
    this.#ended();
    if (rest === undefined || this.#closed) return;
    this.#restTimer = this.#clock.after(REST_AFTER_MS, () => {
      rest();
      this.#ended();
    });
  }

  #ended(): void {
    this.#lastEndMs = this.#clock.monotonicMs();
    this.#lastTookMs = this.#lastEndMs - this.#lastRunMs;
  }
}
