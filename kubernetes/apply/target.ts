import { Backoff, type BackoffLimits } from '../../runtime/backoff.ts';
import type { Timer } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { sameValue } from '../../federation/model/same-value.ts';
import type { KubeObject } from '../api/objects.ts';
import type { Desired, Removal } from './desired.ts';

/** What one object shall be: something, or nothing. */
export type Want =
  | { readonly kind: 'apply'; readonly desired: Desired }
  | { readonly kind: 'remove'; readonly removal: Removal };

/** For servers that cannot answer now. */
const BUSY: BackoffLimits = { initialMs: 200, maxMs: 30_000 };
/** For a server that said no: it takes a human to change that, and each attempt is a line in the audit log. */
const REFUSED: BackoffLimits = { initialMs: 5_000, maxMs: 300_000 };
/** By then a watch has told of our own write, or it is the watch that is in trouble. */
export const ECHO_WAIT_MS = 10_000;

/** Writes that overlap with their news: more than a few is a watch in trouble. */
const VERSIONS_MAX = 16;

/** Our last write, of which the watch will tell: until then what is known of the object is older than it. */
interface Echo {
  readonly want: Want;
  /** Resource versions of the object before our last writes and after each, in their order. */
  readonly versions: readonly string[];
  readonly untilMs: number;
}

/** One object that the applier takes care of. */
export class Target {
  #want: Want;
  #echo: Echo | undefined;
  #hasVanished = false;
  #timer: Timer | undefined;
  readonly #random: Random;
  #busy: Backoff | undefined;
  #refused: Backoff | undefined;

  constructor(want: Want, components: { readonly random: Random }) {
    this.#want = want;
    this.#random = components.random;
  }

  get want(): Want {
    return this.#want;
  }

  /** What is equal keeps its identity, so that an echo is recognised; what is new is tried without waiting. */
  change(want: Want): void {
    if (sameWant(this.#want, want)) return;
    this.#want = want;
    this.calm();
  }

  /** After a success. */
  calm(): void {
    this.cancelRetry();
    this.#busy = undefined;
    this.#refused = undefined;
  }

  /** A write leaves: what is seen from now on may come after it. */
  startWrite(): void {
    this.#hasVanished = false;
  }

  /** `want` is what was written: there may be a newer one by now. */
  wrote(want: Want, versions: Iterable<string | undefined>, nowMs: number): void {
    // Made by us and deleted by a user before the server's answer got here: nothing more will be told of that write.
    if (this.#hasVanished) return;
    const now = [...versions].map((version) => version ?? '');
    // What was written a moment ago and is not heard of yet is still on its way: it is older than this write, not news.
    const earlier = (this.#echo?.versions ?? []).filter((version) => !now.includes(version));
    this.#echo = {
      want,
      versions: [...earlier, ...now].slice(-VERSIONS_MAX),
      untilMs: nowMs + ECHO_WAIT_MS,
    };
  }

  /**
   * `awaited`: what is known of the object is older than our last write. `heard`: it is just that write, so there is nothing to
   * do, and if the server made something else of it there is nothing to be done.
   */
  echoIn(present: KubeObject | undefined, nowMs: number): 'none' | 'awaited' | 'heard' {
    const echo = this.#echo;
    if (echo === undefined || echo.want !== this.#want || nowMs >= echo.untilMs) return 'none';
    const version = present?.metadata.resourceVersion ?? '';
    if (!echo.versions.includes(version)) return 'none';
    return version === echo.versions.at(-1) ? 'heard' : 'awaited';
  }

  /** The object was seen to vanish: no write of ours is on its way any more. */
  vanished(): void {
    this.#echo = undefined;
    this.#hasVanished = true;
  }

  retryInMs(kind: 'busy' | 'refused', atLeastMs = 0): number {
    if (kind === 'refused') {
      this.#refused ??= new Backoff({ random: this.#random }, REFUSED);
      return Math.max(atLeastMs, this.#refused.nextMs());
    }
    this.#busy ??= new Backoff({ random: this.#random }, BUSY);
    return Math.max(atLeastMs, this.#busy.nextMs());
  }

  retryBy(timer: Timer): void {
    this.cancelRetry();
    this.#timer = timer;
  }

  /** True from a failure until its retry or a success. */
  get isWaiting(): boolean {
    return this.#timer !== undefined;
  }

  cancelRetry(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

function sameWant(left: Want, right: Want): boolean {
  if (left === right) return true;
  if (left.kind === 'remove') return right.kind === 'remove' && left.removal.uid === right.removal.uid;
  if (right.kind === 'remove') return false;
  const [one, other] = [left.desired, right.desired];
  return one === other || (one.manifest?.hash === other.manifest?.hash && sameValue(one.status, other.status));
}
