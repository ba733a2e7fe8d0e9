import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { type HeadOrder, isSameVersion } from '../model/head.ts';

/**
 * Keeps a refused cluster from costing a full read at every poll, hint and beat. The refused version is tried again at
 * a slowing pace (the store may have been the one that damaged it), another version after a short pause, and
 * everything at once when a new roster changes the rules.
 */
const SAME_VERSION_LIMITS = { initialMs: 500, maxMs: 8_000 };
/** A hostile member that publishes refused versions without end costs this many reads: four a second. */
const NEW_VERSION_PAUSE_MS = 250;

export class RefusalHold {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #refused: { readonly order: HeadOrder; readonly sinceMs: number; readonly untilMs: number } | undefined;

  constructor(components: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = components.clock;
    this.#backoff = new Backoff(components, SAME_VERSION_LIMITS);
  }

  covers(order: HeadOrder): boolean {
    if (this.#refused === undefined) return false;
    const { order: refused, sinceMs, untilMs } = this.#refused;
    return this.#clock.monotonicMs() < (isSameVersion(order, refused) ? untilMs : sinceMs + NEW_VERSION_PAUSE_MS);
  }

  refused(order: HeadOrder): void {
    const sinceMs = this.#clock.monotonicMs();
    this.#refused = { order, sinceMs, untilMs: sinceMs + this.#backoff.nextMs() };
  }

  release(): void {
    this.#refused = undefined;
    this.#backoff.reset();
  }
}
