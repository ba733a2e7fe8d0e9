import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';

/** When a pump looks at its store's copy, and when it may try again after a failure. No I/O: marks over a clock. */

/** The whole own set is read back and compared: finds records that a store lost under an intact head. */
export const AUDIT_INTERVAL_MS = 30_000;
/** A store that damages what it is given is repaired at this pace, doubling up to the audit interval. */
const FIRST_AUDIT_MS = 100;
/** Hints under our own name come with each of our own commits; checking the store costs a call. */
const CHECK_INTERVAL_MS = 500;

export interface DueLook {
  readonly check: boolean;
  readonly audit: boolean;
}

export class CopyPace {
  readonly #clock: Clock;
  readonly #random: Random;
  #checkDueMs = Number.POSITIVE_INFINITY;
  #auditDueMs = Number.POSITIVE_INFINITY;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #lastCheckMs = Number.NEGATIVE_INFINITY;
  #auditStepMs = FIRST_AUDIT_MS;

  constructor(components: { clock: Clock; random: Random }) {
    this.#clock = components.clock;
    this.#random = components.random;
  }

  /** Nothing is done before this, whatever is due. */
  get notBeforeMs(): number {
    return this.#notBeforeMs;
  }

  dueMs(): number {
    return Math.min(this.#checkDueMs, this.#auditDueMs);
  }

  checkWanted(): void {
    const dueMs = Math.max(this.#clock.monotonicMs(), this.#lastCheckMs + CHECK_INTERVAL_MS);
    this.#checkDueMs = Math.min(this.#checkDueMs, dueMs);
  }

  take(): DueLook {
    const nowMs = this.#clock.monotonicMs();
    const due = { check: this.#checkDueMs <= nowMs, audit: this.#auditDueMs <= nowMs };
    if (due.check || due.audit) this.looked();
    if (due.audit) this.#auditDueMs = nowMs + AUDIT_INTERVAL_MS * (0.75 + this.#random.fraction() / 4);
    return due;
  }

  looked(): void {
    this.#checkDueMs = Number.POSITIVE_INFINITY;
    this.#lastCheckMs = this.#clock.monotonicMs();
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

  failed(waitMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#checkDueMs = nowMs;
    this.#notBeforeMs = nowMs + waitMs;
  }
}
