import { monitorEventLoopDelay } from 'node:perf_hooks';

const NS_PER_MS = 1e6;

/** How late the event loop was at worst. */
export class LoopLag {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });

  private constructor() {
    this.#delay.enable();
  }

  static start(): LoopLag {
    return new LoopLag();
  }

  /** ms */
  stop(): number {
    this.#delay.disable();
    return this.#delay.max / NS_PER_MS;
  }
}
