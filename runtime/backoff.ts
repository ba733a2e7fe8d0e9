import type { Random } from './random.ts';

/** Exponential back-off with full jitter: a hundred controllers must not come back in step. */
export interface BackoffLimits {
  readonly initialMs: number;
  readonly maxMs: number;
}

export class Backoff {
  readonly #limits: BackoffLimits;
  readonly #random: Random;
  #failures = 0;

  constructor(components: { random: Random }, limits: BackoffLimits) {
    this.#random = components.random;
    this.#limits = limits;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Delay before the next attempt, between half of the exponential step and all of it. */
  nextMs(): number {
    const step = Math.min(this.#limits.maxMs, this.#limits.initialMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return step / 2 + (step / 2) * this.#random.fraction();
  }

  reset(): void {
    this.#failures = 0;
  }
}
