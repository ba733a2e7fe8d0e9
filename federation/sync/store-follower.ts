import type { Clock, Timer } from '../../runtime/clock.ts';
import { assertNever, errorText } from '../../runtime/errors.ts';
import { KeyedQueue } from '../../runtime/keyed-queue.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import type { ClusterId } from '../model/ids.ts';
import { type Hint, StaleCommitError, type StoredHead } from '../store/contract.ts';
import type { ListedStore } from '../store/several.ts';
import { BULK_TIMEOUT_MS, COMMAND_TIMEOUT_MS, withDeadline } from './deadline.ts';
import { readHints } from './hint-reader.ts';
import { NoticeGaps } from './notice-gaps.ts';
import { OwnHeadWatch } from './own-head-watch.ts';
import type { RosterFollower, RosterOutcome } from './roster-follower.ts';
import { type LinkStatus, StoreLink } from './store-link.ts';

/**
 * Looks into one store: its heads and roster at intervals, its hints as they come, and whether it answers at all. What it
 * finds is told to the subscriber, which knows what other stores say. A store that hangs holds up its own looks only.
 */
export interface StoreFollowerComponents {
  readonly listed: ListedStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly roster: RosterFollower;
}

export interface StoreFollowerInit {
  /** Place in the list of stores. */
  readonly from: number;
  readonly self: ClusterId;
  /** Whether this cluster may write the roster: the authority brings it to a store that lacks it. */
  readonly bringsRoster: () => boolean;
  readonly onOffer: (cluster: ClusterId, stored: StoredHead, askedAtMs?: number) => void;
  /** Something about the cluster changed; the hint does not say what. */
  readonly onHint: (cluster: ClusterId) => void;
  /** After every head was offered. */
  readonly onListed: (heads: ReadonlyMap<ClusterId, StoredHead>) => void;
  readonly onRoster: (outcome: RosterOutcome) => void;
  readonly onOwnHeadDoubt: () => void;
  readonly onUp: () => void;
  readonly onDown: (message: string) => void;
}

/** Finds what hints lost; well below the 9 s after which a head counts as stale. */
export const POLL_INTERVAL_MS = 2_000;
/** The roster changes rarely and is large; hints and heads that name a newer one ask for it sooner. */
const ROSTER_INTERVAL_MS = 10_000;
const ROSTER_ASK_INTERVAL_MS = 1_000;
/** After a hint that led to nothing new: whoever may give hints may give them without end, and a roster may be 4 MiB. */
const ROSTER_REST_MS = 250;
/** A store that comes back is asked by all clusters: not in the same instant. */
const GAP_SPREAD_MS = 300;

export class StoreFollower {
  readonly #components: StoreFollowerComponents;
  readonly #init: StoreFollowerInit;
  readonly #link: StoreLink;
  readonly #ownHead: OwnHeadWatch;
  readonly #gaps = new NoticeGaps();
  /** Heads and roster: apart from the fetches, so that a hundred hung reads do not delay them. */
  readonly #looks: KeyedQueue;
  readonly #stop = new AbortController();
  #listed: ReadonlyMap<ClusterId, StoredHead> | undefined;
  #watching: Promise<void> | undefined;
  #pollTimer: Timer | undefined;
  #gapTimer: Timer | undefined;
  #rosterTimer: Timer | undefined;
  #rosterAskedAtMs = Number.NEGATIVE_INFINITY;
  #isRosterHinted = false;
  #hintedForNothingAtMs = Number.NEGATIVE_INFINITY;
  #rosterError: string | undefined;

  constructor(components: StoreFollowerComponents, init: StoreFollowerInit) {
    this.#components = components;
    this.#init = init;
    this.#ownHead = new OwnHeadWatch(init.onOwnHeadDoubt);
    this.#link = new StoreLink(components, {
      store: components.listed.name,
      onUp: () => this.#cameUp(),
      onDown: init.onDown,
    });
    this.#looks = new KeyedQueue((key) => this.#look(key), {
      concurrency: 2,
      maxKeys: 2,
      onError: (key, error) => this.#lookFailed(key, error),
    });
  }

  get name(): string {
    return this.#components.listed.name;
  }

  get link(): LinkStatus {
    return this.#link.status;
  }

  /** It has listed its heads once, or cannot be asked: what it has not offered by now is not known to be there. */
  get isHeard(): boolean {
    return this.#listed !== undefined || this.#link.status.state === 'down';
  }

  /** As it answered last; absent before it did. */
  get listed(): ReadonlyMap<ClusterId, StoredHead> | undefined {
    return this.#listed;
  }

  start(): void {
    const { listed } = this.#components;
    const reading = { ...this.#components, store: listed.store };
    this.#watching = readHints(reading, this.#stop.signal, (hint) => this.#hinted(hint));
    this.#askRoster();
    this.#poll();
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the subscriber was closed'));
    this.#pollTimer?.cancel();
    this.#gapTimer?.cancel();
    this.#rosterTimer?.cancel();
    this.#looks.clear();
    await Promise.all([this.#watching, this.#looks.idle()]);
  }

  lookAtHeads(): void {
    if (!this.#stop.signal.aborted) this.#looks.mark('heads');
  }

  /** At most once a second. */
  askRosterSoon(): void {
    if (this.#nowMs() - this.#rosterAskedAtMs >= ROSTER_ASK_INTERVAL_MS) this.#askRoster();
  }

  ownHeadHinted(stored: StoredHead): void {
    this.#ownHead.hinted(stored.order);
  }

  #poll(): void {
    if (this.#stop.signal.aborted) return;
    this.lookAtHeads();
    if (this.#nowMs() - this.#rosterAskedAtMs >= ROSTER_INTERVAL_MS) this.#askRoster();
    const delayMs = POLL_INTERVAL_MS * (0.75 + this.#components.random.fraction() / 2);
    this.#pollTimer = this.#components.clock.after(delayMs, () => this.#poll());
  }

  #askRoster(): void {
    if (this.#stop.signal.aborted) return;
    this.#rosterAskedAtMs = this.#nowMs();
    this.#looks.mark('roster');
  }

  #hinted(hint: Hint): void {
    switch (hint.kind) {
      case 'cluster':
        this.#gaps.hinted(hint.cluster, hint.head?.order);
        if (hint.head === undefined) this.#init.onHint(hint.cluster);
        else if (hint.cluster === this.#init.self) this.#ownHead.hinted(hint.head.order);
        else this.#init.onOffer(hint.cluster, hint.head);
        return;
      case 'roster':
        this.#rosterHinted();
        return;
      case 'gap':
        this.#gaps.interrupted();
        this.#ownHead.doubt();
        this.#gapTimer ??= this.#components.clock.after(GAP_SPREAD_MS * this.#components.random.fraction(), () => {
          this.#gapTimer = undefined;
          this.lookAtHeads();
          this.#askRoster();
        });
        return;
      case 'join':
        return;
      default:
        assertNever(hint);
    }
  }

  #rosterHinted(): void {
    this.#isRosterHinted = true;
    const waitMs = this.#hintedForNothingAtMs + ROSTER_REST_MS - this.#nowMs();
    if (waitMs <= 0) return this.#askRoster();
    this.#rosterTimer ??= this.#components.clock.after(waitMs, () => {
      this.#rosterTimer = undefined;
      this.#askRoster();
    });
  }

  async #look(key: string): Promise<void> {
    if (key === 'roster') await this.#lookAtRoster();
    else await this.#lookIntoHeads();
  }

  async #lookIntoHeads(): Promise<void> {
    const { listed, clock } = this.#components;
    const { signal } = this.#stop;
    const askedAtMs = this.#nowMs();
    const call = { clock, timeoutMs: COMMAND_TIMEOUT_MS, what: 'heads', signal };
    const heads = await withDeadline(listed.store.heads(), call);
    this.#listed = heads;
    this.#link.answered();
    this.#countMissed(this.#gaps.polled(heads));
    const { self, onOffer, onListed } = this.#init;
    this.#ownHead.polled(heads.get(self)?.order);
    for (const [cluster, stored] of heads) if (cluster !== self) onOffer(cluster, stored, askedAtMs);
    onListed(heads);
  }

  #countMissed(missed: number): void {
    if (missed === 0) return;
    this.#components.metrics
      .counter('isthmus_notify_gap_total', 'Heads that polling found and of which no hint came', ['store'])
      .add({ store: this.name }, missed);
  }

  async #lookAtRoster(): Promise<void> {
    const { roster } = this.#components;
    const isHinted = this.#isRosterHinted;
    this.#isRosterHinted = false;
    const outcome = await roster.refresh(this.#stop.signal, this.#init.from);
    this.#link.answered();
    if (isHinted && outcome.kind !== 'newer') this.#hintedForNothingAtMs = this.#nowMs();
    this.#init.onRoster(outcome);
    if (this.#init.bringsRoster() && roster.isLackedBy(this.#init.from)) await this.#bringRoster();
  }

  /** Also into a store that lost it, or that is new in the list: without it nobody there knows who is a member. */
  async #bringRoster(): Promise<void> {
    const { listed, roster, clock, log } = this.#components;
    const { current } = roster;
    if (current === undefined) return;
    const { version } = current.roster;
    const call = { clock, timeoutMs: BULK_TIMEOUT_MS, what: 'putRoster', signal: this.#stop.signal };
    try {
      await withDeadline(listed.store.putRoster({ version, bytes: current.bytes }), call);
      this.#rosterError = undefined;
      log.info('the roster was brought to a store that lacked it', { store: listed.name, version });
    } catch (error) {
      if (this.#stop.signal.aborted || error instanceof StaleCommitError) return;
      const text = errorText(error);
      if (text !== this.#rosterError) {
        log.warn('the roster could not be brought to a store, will try again', { store: listed.name, error: text });
      }
      this.#rosterError = text;
      this.#askRosterAgain();
    }
  }

  /** With the next poll. */
  #askRosterAgain(): void {
    this.#rosterAskedAtMs = Number.NEGATIVE_INFINITY;
  }

  #cameUp(): void {
    this.#ownHead.doubt();
    this.#init.onUp();
  }

  #lookFailed(key: string, error: unknown): void {
    if (this.#stop.signal.aborted) return;
    if (key === 'roster') this.#askRosterAgain();
    this.#components.log.debug('the store could not be asked', { store: this.name, key, error: errorText(error) });
    this.#link.failed(error);
  }

  #nowMs(): number {
    return this.#components.clock.monotonicMs();
  }
}
