/**
 * Wakes whoever listens: at once when there was quiet, else no sooner than some milliseconds after the last time. One change
 * is passed on without delay, and five thousand in a second are a hundred calls.
 */
import type { Clock, Timer } from '../../runtime/clock.ts';

export const MIN_GAP_MS = 10;

export class Batches {
  readonly #clock: Clock;
  readonly #flush: () => void;
  #lastMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(components: { readonly clock: Clock }, init: { readonly flush: () => void }) {
    this.#clock = components.clock;
    this.#flush = init.flush;
  }

  /** There is something to tell. Never calls back before it returns. */
  mark(): void {
    if (this.#timer !== undefined) return;
    const waitMs = Math.max(0, this.#lastMs + MIN_GAP_MS - this.#clock.monotonicMs());
    this.#timer = this.#clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#lastMs = this.#clock.monotonicMs();
      this.#flush();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
