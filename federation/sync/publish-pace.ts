import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';

/**
 * When this writer makes a new version or signs a beat. Events only mark what is wanted; this decides when it is due. No
 * I/O: a value of marks over a clock. When each store is written and looked at is its own pump's matter (`copy-pace.ts`).
 */
export type Urgency = 'availability' | 'weight';

/** A third of the time after which a head counts as stale (`HEAD_FRESH_MS`): two lost beats are forgiven. */
export const BEAT_INTERVAL_MS = 3_000;
/** Mere changes of weight wait for each other this long. */
export const WEIGHT_INTERVAL_MS = 1_000;
/** Acknowledgements and roster news go out with a beat of their own, but not more often than this. */
const EARLY_BEAT_INTERVAL_MS = 500;

export interface DueHead {
  readonly change: boolean;
  readonly beat: boolean;
}

export class PublishPace {
  readonly #clock: Clock;
  readonly #random: Random;
  #changeDueMs = Number.POSITIVE_INFINITY;
  #beatDueMs = Number.POSITIVE_INFINITY;
  #lastHeadMs = Number.NEGATIVE_INFINITY;
  #lastVersionMs = Number.NEGATIVE_INFINITY;

  constructor(components: { clock: Clock; random: Random }) {
    this.#clock = components.clock;
    this.#random = components.random;
  }

  get changePending(): boolean {
    return this.#changeDueMs !== Number.POSITIVE_INFINITY;
  }

  wanted(urgency: Urgency): void {
    const nowMs = this.#clock.monotonicMs();
    const dueMs = urgency === 'availability' ? nowMs : Math.max(nowMs, this.#lastVersionMs + WEIGHT_INTERVAL_MS);
    this.#changeDueMs = Math.min(this.#changeDueMs, dueMs);
  }

  beatInfoChanged(): void {
    this.#beatDueMs = Math.min(this.#beatDueMs, this.#lastHeadMs + EARLY_BEAT_INTERVAL_MS);
  }

  dueMs(): number {
    return Math.min(this.#changeDueMs, this.#beatDueMs);
  }

  due(): DueHead {
    const nowMs = this.#clock.monotonicMs();
    return { change: this.#changeDueMs <= nowMs, beat: this.#beatDueMs <= nowMs };
  }

  /** The newest desired state was looked at; called before the look, so that what comes meanwhile is due again. */
  changeTaken(): void {
    this.#changeDueMs = Number.POSITIVE_INFINITY;
  }

  versionMade(): void {
    this.#lastVersionMs = this.#clock.monotonicMs();
    this.headMade();
  }

  headMade(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#lastHeadMs = nowMs;
    // A little early at random, so that a hundred clusters that started together do not beat together.
    this.#beatDueMs = nowMs + BEAT_INTERVAL_MS * (0.9 + this.#random.fraction() / 10);
  }
}
