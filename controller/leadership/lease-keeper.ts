import type { LeaseBoard } from '../../federation/store/contract.ts';
import { COMMAND_TIMEOUT_MS, withDeadline } from '../../federation/sync/deadline.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { assertNever, errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Random } from '../../runtime/random.ts';
import { beginning, type Leadership, type Leading, type LeaseNews, mayWrite, step } from './leadership.ts';

/**
 * Asks the lease board again and again, for as long as the replica runs, and tells what that makes of it. A leader renews,
 * a follower tries as soon as the lease that it heard of is over, and a board that does not answer is asked until it does.
 */
export interface LeaseKeeperComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly board: LeaseBoard;
}

export interface LeaseKeeperInit {
  /** Of the lease. */
  readonly name: string;
  readonly holder: string;
  /** Called after every change of kind or term, in the turn in which it became known. */
  readonly onChange: (leadership: Leadership) => void;
  /** Called after every answer of the board. */
  readonly onAnswer?: ((leadership: Leadership) => void) | undefined;
}

/** A follower takes over within this time and what its gateways take to come: together below the 10 s promised. */
export const LEASE_TTL_MS = 6_000;
/** Two clocks that drift apart by a tenth, and a commit that was under way. */
export const LEASE_MARGIN_MS = 1_000;
/** Two attempts fit into a lease before it lapses, each of which may run into its time-out. */
const RENEW_EVERY_MS = 2_000;
/** Up to this much earlier, so that replicas and sites do not ask in step. */
const JITTER_MS = 400;
/** After a failure: whoever led should be the first to be back. */
const LEADER_RETRY_MS = 250;
const OTHERS_RETRY_MS = 500;
/** After the end of another's lease, plus as much again at random. */
const AFTER_EXPIRY_MS = 20;
const RELEASE_TIMEOUT_MS = 1_000;

export class LeaseKeeper {
  readonly #components: LeaseKeeperComponents;
  readonly #init: LeaseKeeperInit;
  readonly #stop = new AbortController();
  #leading: Leading;
  #running: Promise<void> | undefined;
  #pause = new AbortController();
  #lapseTimer: Timer | undefined;

  constructor(components: LeaseKeeperComponents, init: LeaseKeeperInit) {
    this.#components = components;
    this.#init = init;
    this.#leading = beginning(components.clock.monotonicMs());
  }

  /** As of this moment: a lease that ran out while the process slept has run out. */
  get leadership(): Leadership {
    this.#hear({ kind: 'time', nowMs: this.#nowMs() });
    return this.#leading.leadership;
  }

  /**
   * Asked before every write, because between two timers a process may have been stopped for minutes. Not any more once
   * the lease is about to be given back: it may be another's then, long before its time is over.
   */
  get mayWrite(): boolean {
    return !this.#stop.signal.aborted && mayWrite(this.leadership, this.#nowMs());
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** A writer with a higher epoch was met. The board says who is right. */
  fenced(): void {
    this.#hear({ kind: 'fenced', nowMs: this.#nowMs() });
    this.#pause.abort();
  }

  /** Gives the lease back, so that another replica need not wait for its end. Whoever wrote must have stopped before. */
  async close(): Promise<void> {
    const { clock, board } = this.#components;
    const { name, holder } = this.#init;
    const { kind } = this.leadership;
    this.#stop.abort(new IsthmusError('closed', 'the replica stops'));
    this.#lapseTimer?.cancel();
    await this.#running;
    if (kind !== 'leader' && kind !== 'lapsed') return;
    const release = withDeadline(board.release(name, holder), {
      clock,
      timeoutMs: RELEASE_TIMEOUT_MS,
      what: 'release',
    });
    await release.catch(() => undefined); // then it ends by itself
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock } = this.#components;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#ask();
      this.#pause = new AbortController();
      await clock.sleep(this.#pauseMs(), AbortSignal.any([signal, this.#pause.signal])).catch(() => undefined); // asked for
    }
  }

  async #ask(): Promise<void> {
    const { clock, board } = this.#components;
    const { name, holder, onAnswer } = this.#init;
    const { signal } = this.#stop;
    const askedAtMs = this.#nowMs();
    try {
      const asked = board.acquire(name, holder, LEASE_TTL_MS);
      const lease = await withDeadline(asked, { clock, timeoutMs: COMMAND_TIMEOUT_MS, what: 'lease', signal });
      this.#hear({ kind: 'answer', lease, askedAtMs, nowMs: this.#nowMs() });
      onAnswer?.(this.#leading.leadership);
    } catch (error) {
      if (signal.aborted) return;
      this.#hear({ kind: 'failure', message: errorText(error), askedAtMs, nowMs: this.#nowMs() });
    }
  }

  #hear(news: LeaseNews): void {
    const before = this.#leading;
    const terms = { holder: this.#init.holder, ttlMs: LEASE_TTL_MS, marginMs: LEASE_MARGIN_MS };
    this.#leading = step(before, news, terms);
    const { leadership } = this.#leading;
    if (leadership === before.leadership) return;
    this.#watchLapse(leadership);
    const sameLeader =
      before.leadership.kind === 'follower' && leadership.kind === 'follower' && before.leadership.of === leadership.of;
    const isSame = before.leadership.kind === leadership.kind && before.terms === this.#leading.terms;
    if (!isSame || (leadership.kind === 'follower' && !sameLeader)) this.#init.onChange(leadership);
  }

  #watchLapse(leadership: Leadership): void {
    this.#lapseTimer?.cancel();
    if (leadership.kind !== 'leader' || this.#stop.signal.aborted) return;
    const delayMs = Math.max(1, leadership.writesUntilMs - this.#nowMs());
    this.#lapseTimer = this.#components.clock.after(delayMs, () => void this.leadership);
  }

  #pauseMs(): number {
    const { random } = this.#components;
    const leadership = this.#leading.leadership;
    const regularMs = RENEW_EVERY_MS - JITTER_MS * random.fraction();
    switch (leadership.kind) {
      case 'leader': {
        // Time that an attempt took, or that failed attempts cost, must not add up to a lapse.
        const leftMs = leadership.writesUntilMs - this.#nowMs();
        const isFresh = leftMs > LEASE_TTL_MS - LEASE_MARGIN_MS - RENEW_EVERY_MS;
        return isFresh ? regularMs : LEADER_RETRY_MS * (1 + random.fraction());
      }
      case 'lapsed':
        return LEADER_RETRY_MS * random.fraction();
      case 'follower': {
        const leftMs = Math.max(0, leadership.heldUntilMs - this.#nowMs());
        return Math.min(regularMs, leftMs + AFTER_EXPIRY_MS * (1 + random.fraction()));
      }
      case 'unknown':
        return OTHERS_RETRY_MS * (1 + random.fraction());
      default:
        return assertNever(leadership);
    }
  }

  #nowMs(): number {
    return this.#components.clock.monotonicMs();
  }
}
