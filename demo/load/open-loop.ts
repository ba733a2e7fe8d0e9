import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Sample } from './sample.ts';
import { failure, type Outcome, type Probe } from './target.ts';

/**
 * Starts attempts on a fixed schedule, whatever became of the earlier ones (open loop). Attempt `n` is due at
 * `start + n / rate`; when the process was held up, all that became due meanwhile start at once and carry their lateness.
 */
export interface OpenLoopInit {
  readonly name: string;
  readonly ratePerSecond: number;
  readonly probe: Probe;
  readonly onSample: (sample: Sample) => void;
}

/** More open attempts than this would measure the generator's own memory; further ones fail at once, and are counted. */
export const IN_FLIGHT_MAX = 20_000;

export class OpenLoop {
  readonly #clock: Clock;
  readonly #init: OpenLoopInit;
  readonly #startMs: number;
  #attempts = 0;
  /** Due times of open attempts, oldest first. Wrapped, because two may be due at the same moment. */
  readonly #open = new Set<{ readonly dueMs: number }>();
  #timer: Timer | undefined;
  #ended = false;
  readonly #idle = Promise.withResolvers<void>();

  constructor(components: { clock: Clock }, init: OpenLoopInit) {
    this.#clock = components.clock;
    this.#init = init;
    this.#startMs = this.#clock.monotonicMs();
    this.#run();
  }

  get attempts(): number {
    return this.#attempts;
  }

  /** Whether every attempt due before this moment has begun and is over. */
  isSettled(beforeMs: number): boolean {
    const [oldest] = this.#open;
    const begun = this.#ended || this.#dueMs(this.#attempts) >= beforeMs;
    return begun && (oldest === undefined || oldest.dueMs >= beforeMs);
  }

  /**
   * Starts no more than what is due by now; resolves when all open attempts are over, each by its own time-out at the
   * latest. Leaving out what the generator was late with would hide that it was.
   */
  end(): Promise<void> {
    this.#timer?.cancel();
    this.#catchUp();
    this.#ended = true;
    if (this.#open.size === 0) this.#idle.resolve();
    return this.#idle.promise;
  }

  #dueMs(attempt: number): number {
    return this.#startMs + (attempt * 1000) / this.#init.ratePerSecond;
  }

  #run(): void {
    this.#catchUp();
    if (this.#ended) return;
    const waitMs = Math.max(0, this.#dueMs(this.#attempts) - this.#clock.monotonicMs());
    this.#timer = this.#clock.after(waitMs, () => this.#run());
  }

  #catchUp(): void {
    const nowMs = this.#clock.monotonicMs();
    while (!this.#ended && this.#dueMs(this.#attempts) <= nowMs) {
      const dueMs = this.#dueMs(this.#attempts);
      this.#attempts += 1;
      this.#begin(dueMs);
    }
  }

  #begin(dueMs: number): void {
    const lagMs = this.#clock.monotonicMs() - dueMs;
    const attempt = { dueMs };
    this.#open.add(attempt);
    const done = (outcome: Outcome): void => {
      this.#open.delete(attempt);
      const latencyMs = this.#clock.monotonicMs() - dueMs;
      this.#init.onSample({ stream: this.#init.name, dueMs, lagMs, latencyMs, ...outcome });
      if (this.#ended && this.#open.size === 0) this.#idle.resolve();
    };
    if (this.#open.size > IN_FLIGHT_MAX) done(failure('generator-full'));
    else this.#init.probe(done);
  }
}
