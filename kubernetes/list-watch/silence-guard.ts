/**
 * Says when a stream has been silent for too long. A connection can be dead without an end: a proxy that holds it, a server
 * that is stopped, a path that swallows packets. A timer a line would be most of the work of a busy watch, so that one
 * timer looks at the time of the last line when it fires.
 */
import type { Clock, Timer } from '../../runtime/clock.ts';

export class SilenceGuard {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #onSilence: () => void;
  #heardMs: number;
  #timer: Timer;

  constructor(
    components: { readonly clock: Clock },
    init: { readonly limitMs: number; readonly onSilence: () => void },
  ) {
    this.#clock = components.clock;
    this.#limitMs = init.limitMs;
    this.#onSilence = init.onSilence;
    this.#heardMs = this.#clock.monotonicMs();
    this.#timer = this.#clock.after(this.#limitMs, () => this.#look());
  }

  heard(): void {
    this.#heardMs = this.#clock.monotonicMs();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #look(): void {
    const leftMs = this.#heardMs + this.#limitMs - this.#clock.monotonicMs();
    if (leftMs <= 0) this.#onSilence();
    else this.#timer = this.#clock.after(leftMs, () => this.#look());
  }
}
