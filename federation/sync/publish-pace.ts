import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';

/**
 * When the publisher writes next. Events only mark what is wanted; this decides when it is due. No I/O: a value of
 * marks over a clock.
 */
export type Urgency = 'availability' | 'weight';

/** A third of the time after which a head counts as stale (`HEAD_FRESH_MS`): two lost beats are forgiven. */
export const BEAT_INTERVAL_MS = 3_000;
/** Mere changes of weight wait for each other this long. */
export const WEIGHT_INTERVAL_MS = 1_000;
/** Acknowledgements and roster news go out with a beat of their own, but not more often than this. */
const EARLY_BEAT_INTERVAL_MS = 500;
/** The whole own set is read back and compared: finds records that a store lost under an intact head. */
export const AUDIT_INTERVAL_MS = 30_000;
/** A store that damages what it is given is repaired at this pace, doubling up to the audit interval. */
const FIRST_AUDIT_MS = 100;
/** Hints under our own name come with each of our own commits; checking the store costs a call. */
const CHECK_INTERVAL_MS = 500;

export interface DueWork {
  readonly change: boolean;
  readonly beat: boolean;
  readonly check: boolean;
  readonly audit: boolean;
}

const NOTHING_DUE: DueWork = { change: false, beat: false, check: false, audit: false };

export class PublishPace {
  readonly #clock: Clock;
  readonly #random: Random;
  #changeDueMs = Number.POSITIVE_INFINITY;
  #beatDueMs = Number.POSITIVE_INFINITY;
  #checkDueMs = Number.POSITIVE_INFINITY;
  #auditDueMs = Number.POSITIVE_INFINITY;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #lastWriteMs = Number.NEGATIVE_INFINITY;
  #lastCommitMs = Number.NEGATIVE_INFINITY;
  #lastCheckMs = Number.NEGATIVE_INFINITY;
  #auditStepMs = FIRST_AUDIT_MS;
  #taken: DueWork = NOTHING_DUE;

  constructor(components: { clock: Clock; random: Random }) {
    this.#clock = components.clock;
    this.#random = components.random;
  }

  get changePending(): boolean {
    return this.#changeDueMs !== Number.POSITIVE_INFINITY || this.#taken.change;
  }

  wanted(urgency: Urgency): void {
    const nowMs = this.#clock.monotonicMs();
    const dueMs = urgency === 'availability' ? nowMs : Math.max(nowMs, this.#lastCommitMs + WEIGHT_INTERVAL_MS);
    this.#changeDueMs = Math.min(this.#changeDueMs, dueMs);
  }

  beatInfoChanged(): void {
    this.#beatDueMs = Math.min(this.#beatDueMs, this.#lastWriteMs + EARLY_BEAT_INTERVAL_MS);
  }

  checkWanted(): void {
    const dueMs = Math.max(this.#clock.monotonicMs(), this.#lastCheckMs + CHECK_INTERVAL_MS);
    this.#checkDueMs = Math.min(this.#checkDueMs, dueMs);
  }

  dueMs(): number {
    const dueMs = Math.min(this.#changeDueMs, this.#beatDueMs, this.#checkDueMs, this.#auditDueMs);
    return Math.max(dueMs, this.#notBeforeMs);
  }

  /** What is due now. The caller takes it on and says how it went: `settled` or `failed`. */
  take(): DueWork {
    const nowMs = this.#clock.monotonicMs();
    const due = {
      change: this.#changeDueMs <= nowMs,
      beat: this.#beatDueMs <= nowMs,
      check: this.#checkDueMs <= nowMs,
      audit: this.#auditDueMs <= nowMs,
    };
    if (due.change) this.#changeDueMs = Number.POSITIVE_INFINITY;
    if (due.check || due.beat || due.audit) {
      this.#checkDueMs = Number.POSITIVE_INFINITY;
      this.#lastCheckMs = nowMs;
    }
    if (due.audit) this.#auditDueMs = nowMs + AUDIT_INTERVAL_MS * (0.75 + this.#random.fraction() / 4);
    this.#taken = due;
    return due;
  }

  /** A commit is through. */
  committed(): void {
    this.#lastCommitMs = this.#clock.monotonicMs();
    this.beaten();
  }

  /** What was taken is done, by a commit or because nothing differed. */
  settled(): void {
    this.#taken = NOTHING_DUE;
  }

  /** What the store holds had to be repaired: it is read back soon, to be sure, and ever later while that goes on. */
  repaired(): void {
    this.#auditDueMs = this.#clock.monotonicMs() + this.#auditStepMs;
    this.#auditStepMs = Math.min(AUDIT_INTERVAL_MS, this.#auditStepMs * 2);
  }

  /** The store was read back and holds what it was given. */
  foundIntact(): void {
    this.#auditStepMs = FIRST_AUDIT_MS;
  }

  beaten(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#lastWriteMs = nowMs;
    // A little early at random, so that a hundred clusters that started together do not beat together.
    this.#beatDueMs = nowMs + BEAT_INTERVAL_MS * (0.9 + this.#random.fraction() / 10);
  }

  /** Everything taken is due again once the wait is over. */
  failed(waitMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#taken.change) this.#changeDueMs = Math.min(this.#changeDueMs, nowMs);
    this.#taken = NOTHING_DUE;
    this.#checkDueMs = nowMs;
    this.#notBeforeMs = nowMs + waitMs;
  }
}
