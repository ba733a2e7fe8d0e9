import type { Clock, Timer } from '../../runtime/clock.ts';
import type { ClusterId } from '../model/ids.ts';
import type { HeadOffer } from './replica-step.ts';

/**
 * Beats that hints brought, judged together. A beat only says that its writer lives, which counts in seconds; in a large
 * clusterset one comes every few milliseconds, and to wake up for each of them costs more than to judge it. News of
 * a version does not come here.
 */
export interface BeatOffer extends HeadOffer {
  readonly from: number;
}

export interface BeatRoundInit {
  readonly onBeat: (cluster: ClusterId, offer: BeatOffer) => void;
}

/** Far below the interval of beats (3 s), long enough to gather a dozen of them where there are hundreds of members. */
const ROUND_MS = 250;

export class BeatRound {
  readonly #clock: Clock;
  readonly #init: BeatRoundInit;
  /** The last of each cluster and store: an earlier one says nothing more. */
  readonly #waiting = new Map<string, { readonly cluster: ClusterId; readonly offer: BeatOffer }>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(components: { readonly clock: Clock }, init: BeatRoundInit) {
    this.#clock = components.clock;
    this.#init = init;
  }

  /** `cluster`: a member, so that names that are made up fill nothing. */
  add(cluster: ClusterId, offer: BeatOffer): void {
    if (this.#isClosed) return;
    this.#waiting.set(`${offer.from}/${cluster}`, { cluster, offer });
    this.#timer ??= this.#clock.after(ROUND_MS, () => this.#judge());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  #judge(): void {
    this.#timer = undefined;
    const round = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { cluster, offer } of round) this.#init.onBeat(cluster, offer);
  }
}
