import type { Clock, Timer } from '../../runtime/clock.ts';
import { assertNever, errorText } from '../../runtime/errors.ts';
import { KeyedQueue } from '../../runtime/keyed-queue.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import { ChainCache, verifyHead } from '../../trust/head-signature.ts';
import type { VerifyHead } from '../model/candidate.ts';
import type { ClusterId } from '../model/ids.ts';
import type { RecordLimits } from '../model/records.ts';
import type { ClusterView } from '../model/state.ts';
import type { Hint, Store, StoredHead } from '../store/contract.ts';
import { COMMAND_TIMEOUT_MS, withDeadline } from './deadline.ts';
import { readHints } from './hint-reader.ts';
import { OwnHeadWatch } from './own-head-watch.ts';
import { StoreLink } from './store-link.ts';
import type { SyncEvent } from './sync-event.ts';
import type { KeptCluster, PeerMarks, ReplicaStep } from './peer-replica.ts';
import { Replicas } from './replicas.ts';
import type { FollowedRoster, RosterFollower, RosterOutcome, WithheldRoster } from './roster-follower.ts';

/**
 * Follows every other cluster of the roster. Hints make it quick, polling of heads makes it right: losing every hint costs
 * at most a poll interval. Each cluster is fetched and judged by itself, so neither a bad cluster nor a call that
 * hangs holds up another. Only a signed roster takes a cluster away; an empty store takes nothing.
 */
export interface SubscriberComponents {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly marks: PeerMarks;
  readonly roster: RosterFollower;
  /** Keeps what was verified for the next start (`LastGood`). */
  readonly keeper?: Keeper | undefined;
  /** Default: `verifyHead` of trust/ with a cache of signer chains. */
  readonly verifyHead?: VerifyHead | undefined;
}

/** Neither call may throw or wait for a disk. */
export interface Keeper {
  keep(kept: KeptCluster): void;
  keepRoster(bytes: Uint8Array): void;
  forget(cluster: ClusterId): void;
}

export interface SubscriberInit {
  readonly self: ClusterId;
  readonly limits: RecordLimits;
  /** Own pod and service ranges, CIDR: no peer may name a gateway in them. */
  readonly ownRanges: readonly string[];
  /** The one listener. Called synchronously; a listener that throws is logged and changes nothing. */
  readonly onEvent: (event: SyncEvent) => void;
}

/** Finds what hints lost; well below the 9 s after which a head counts as stale. */
export const POLL_INTERVAL_MS = 2_000;
/** The roster changes rarely and is large; hints and heads that name a newer one ask for it sooner. */
const ROSTER_INTERVAL_MS = 10_000;
const ROSTER_ASK_INTERVAL_MS = 1_000;
/** Reads under way at once: enough to hide round trips, few enough for a cold start of a hundred clusters. */
const FETCHES_MAX = 8;
/** Above the members that a roster may have. */
const KEYS_MAX = 2_048;
/** A store that comes back is asked by all clusters: not in the same instant. */
const GAP_SPREAD_MS = 300;

export class Subscriber {
  readonly #components: SubscriberComponents;
  readonly #init: SubscriberInit;
  readonly #replicas: Replicas;
  readonly #ownHead: OwnHeadWatch;
  readonly #link: StoreLink;
  readonly #stop = new AbortController();
  /** Heads and roster: apart from the fetches, so that a hundred hung reads do not delay them. */
  readonly #looks: KeyedQueue;
  readonly #fetches: KeyedQueue;
  #watching: Promise<void> | undefined;
  #pollTimer: Timer | undefined;
  #gapTimer: Timer | undefined;
  #rosterAskedAtMs = Number.NEGATIVE_INFINITY;
  #withheld: WithheldRoster | undefined;

  constructor(components: SubscriberComponents, init: SubscriberInit) {
    this.#components = components;
    this.#init = init;
    const { roster } = components;
    this.#replicas = new Replicas(
      {
        ...components,
        verifyHead: components.verifyHead ?? cachedVerifier(),
        roster: () => roster.current?.roster,
        signal: this.#stop.signal,
      },
      init,
    );
    this.#ownHead = new OwnHeadWatch(() => this.#emit({ kind: 'ownHeadDoubt' }));
    this.#link = new StoreLink(components, {
      onUp: () => this.#storeCameUp(),
      onDown: (message) => this.#emit({ kind: 'storeDown', message }),
    });
    this.#looks = new KeyedQueue((key) => this.#look(key), {
      concurrency: 2,
      maxKeys: 2,
      onError: (key, error) => this.#lookFailed(key, error),
    });
    this.#fetches = new KeyedQueue((key) => this.#fetch(key), {
      concurrency: FETCHES_MAX,
      maxKeys: KEYS_MAX,
      onError: (key, error) => this.#fetchFailed(key, error),
    });
  }

  /** Newest verified view of each cluster. */
  get views(): ReadonlyMap<ClusterId, ClusterView> {
    return this.#replicas.views;
  }

  /** Takes what the last run kept on disk: before `start`, without waiting for anything. */
  restore(kept: { readonly roster?: Uint8Array | undefined; readonly clusters: readonly KeptCluster[] }): void {
    if (kept.roster !== undefined) {
      const restored = this.#components.roster.restore(kept.roster);
      if (restored.ok) this.#emit({ kind: 'roster', roster: restored.value, origin: 'disk' });
      else this.#emit({ kind: 'rosterRefused', reason: restored.reason, message: restored.message });
    }
    for (const cluster of kept.clusters) {
      const step = this.#replicas.of(cluster.cluster)?.restore(cluster);
      if (step !== undefined) this.#apply(cluster.cluster, step, 'disk');
    }
  }

  /**
   * Takes a newer roster that came by another way than the store: the authority made it itself, or an operator carried
   * it. Judged like a stored one, and with the same effects.
   */
  async adoptRoster(bytes: Uint8Array): Promise<RosterOutcome> {
    const outcome = await this.#components.roster.adopt(bytes);
    this.#rosterJudged(outcome);
    return outcome;
  }

  start(): void {
    this.#watching = readHints(this.#components, this.#stop.signal, (hint) => this.#hinted(hint));
    this.#askRoster();
    this.#poll();
  }

  /** Stops following. What was learnt stays with whoever got it. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the subscriber was closed'));
    this.#pollTimer?.cancel();
    this.#gapTimer?.cancel();
    this.#looks.clear();
    this.#fetches.clear();
    await Promise.all([this.#watching, this.#looks.idle(), this.#fetches.idle()]);
  }

  #poll(): void {
    if (this.#stop.signal.aborted) return;
    this.#looks.mark('heads');
    if (this.#nowMs() - this.#rosterAskedAtMs >= ROSTER_INTERVAL_MS) this.#askRoster();
    const delayMs = POLL_INTERVAL_MS * (0.75 + this.#components.random.fraction() / 2);
    this.#pollTimer = this.#components.clock.after(delayMs, () => this.#poll());
  }

  #askRoster(): void {
    this.#rosterAskedAtMs = this.#nowMs();
    this.#looks.mark('roster');
  }

  #hinted(hint: Hint): void {
    switch (hint.kind) {
      case 'cluster':
        if (hint.head !== undefined) this.#offer(hint.cluster, hint.head);
        else if (hint.cluster !== this.#init.self && this.#replicas.of(hint.cluster)) this.#fetches.mark(hint.cluster);
        return;
      case 'roster':
        this.#askRoster();
        return;
      case 'gap':
        this.#gapTimer ??= this.#components.clock.after(GAP_SPREAD_MS * this.#components.random.fraction(), () => {
          this.#gapTimer = undefined;
          this.#looks.mark('heads');
          this.#askRoster();
        });
        return;
      case 'join':
        return;
      default:
        assertNever(hint);
    }
  }

  async #look(key: string): Promise<void> {
    if (key === 'roster') await this.#lookAtRoster();
    else await this.#lookAtHeads();
  }

  async #lookAtHeads(): Promise<void> {
    const { store, clock } = this.#components;
    const { signal } = this.#stop;
    const askedAtMs = this.#nowMs();
    const heads = await withDeadline(store.heads(), { clock, timeoutMs: COMMAND_TIMEOUT_MS, what: 'heads', signal });
    this.#link.answered();
    this.#components.metrics
      .gauge('isthmus_store_empty', '1 while the store holds no cluster although some are known')
      .set(heads.size === 0 && this.views.size > 0 ? 1 : 0);
    this.#ownHead.polled(heads.get(this.#init.self)?.order);
    for (const [cluster, stored] of heads) if (cluster !== this.#init.self) this.#offer(cluster, stored, askedAtMs);
  }

  async #lookAtRoster(): Promise<void> {
    const outcome = await this.#components.roster.refresh(this.#stop.signal);
    this.#link.answered();
    this.#rosterJudged(outcome);
    const { withheld } = this.#components.roster;
    if (withheld?.seen !== this.#withheld?.seen) this.#emit({ kind: 'rosterWithheld', withheld });
    this.#withheld = withheld;
  }

  #rosterJudged(outcome: RosterOutcome): void {
    if (outcome.kind === 'refused') this.#emit({ ...outcome, kind: 'rosterRefused' });
    if (outcome.kind === 'newer') this.#rosterChanged(outcome.followed);
  }

  #rosterChanged({ roster, bytes }: FollowedRoster): void {
    this.#components.keeper?.keepRoster(bytes);
    this.#emit({ kind: 'roster', roster, origin: 'store' });
    for (const withdrawal of this.#replicas.prune()) {
      this.#components.keeper?.forget(withdrawal.cluster);
      this.#emit({ kind: 'withdrawn', ...withdrawal });
    }
    for (const [cluster, replica] of this.#replicas.entries()) this.#apply(cluster, replica.rejudge(), 'store');
    this.#looks.mark('heads');
  }

  #offer(cluster: ClusterId, stored: StoredHead, askedAtMs?: number): void {
    if (cluster === this.#init.self) {
      this.#ownHead.hinted(stored.order);
      return;
    }
    const step = this.#replicas.of(cluster)?.offer(stored, askedAtMs);
    if (step !== undefined) this.#apply(cluster, step, 'store');
  }

  async #fetch(key: string): Promise<void> {
    // The keys of this queue are the cluster names that `#apply` and `#hinted` marked.
    const cluster = key as ClusterId;
    const replica = this.#replicas.of(cluster);
    const step = await replica?.fetch();
    // A roster that came meanwhile may have taken the cluster away.
    const isCurrent = replica === this.#replicas.of(cluster) && !this.#stop.signal.aborted;
    if (step !== undefined && isCurrent) this.#apply(cluster, step, 'store');
  }

  #apply(cluster: ClusterId, step: ReplicaStep, origin: 'store' | 'disk'): void {
    switch (step.kind) {
      case 'known':
        return;
      case 'fetch':
        this.#fetches.mark(cluster);
        return;
      case 'rejected':
        this.#rejected(cluster, step);
        return;
      case 'view':
        if (origin === 'store') this.#components.keeper?.keep(step.kept);
        this.#emit({ kind: 'view', view: step.view, origin });
        this.#headTaken(step);
        return;
      case 'beat':
        this.#headTaken(step);
        return;
      default:
        assertNever(step);
    }
  }

  #headTaken({ view, advanced }: { readonly view: ClusterView; readonly advanced: boolean }): void {
    if (advanced) this.#emit({ kind: 'beat', cluster: view.cluster, atMonotonicMs: this.#nowMs() });
    const isNews = this.#components.roster.noticed(view.cluster, view.head.rosterSeen);
    if (isNews && this.#nowMs() - this.#rosterAskedAtMs >= ROSTER_ASK_INTERVAL_MS) this.#askRoster();
  }

  #rejected(cluster: ClusterId, step: Extract<ReplicaStep, { kind: 'rejected' }>): void {
    const { clause, reason, message } = step;
    this.#components.metrics
      .counter('isthmus_record_rejected_total', 'Heads and record sets that were refused', ['cluster', 'reason'])
      .add({ cluster, reason });
    this.#components.log.warn('a cluster was refused, its last good stays', {
      cluster,
      clause,
      reason,
      detail: message,
    });
    this.#emit({ kind: 'rejected', cluster, clause, reason, message });
  }

  #storeCameUp(): void {
    this.#ownHead.doubt();
    this.#emit({ kind: 'storeUp' });
  }

  #lookFailed(key: string, error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#components.log.debug('the store could not be asked', { key, error: errorText(error) });
    this.#link.failed(error);
  }

  /** The next poll offers it again. */
  #fetchFailed(cluster: string, error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#components.log.debug('a cluster could not be read', { cluster, error: errorText(error) });
    this.#components.metrics
      .counter('isthmus_fetch_failures_total', 'Reads of a cluster from the store that failed', ['cluster'])
      .add({ cluster });
  }

  #emit(event: SyncEvent): void {
    try {
      this.#init.onEvent(event);
    } catch (error) {
      this.#components.log.error('the listener of sync events failed', { event: event.kind, error: errorText(error) });
    }
  }

  #nowMs(): number {
    return this.#components.clock.monotonicMs();
  }
}

function cachedVerifier(): VerifyHead {
  const cache = new ChainCache();
  return (input) => verifyHead({ ...input, cache });
}
