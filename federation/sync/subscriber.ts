import type { Clock } from '../../runtime/clock.ts';
import { assertNever, errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import { ChainCache, verifyHead } from '../../trust/head-signature.ts';
import type { VerifyHead } from '../model/candidate.ts';
import { compareHeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { RecordLimits } from '../model/records.ts';
import type { ClusterView } from '../model/state.ts';
import type { StoredHead } from '../store/contract.ts';
import { type ListedStore, listStores, type Stores } from '../store/several.ts';
import { BeatRound } from './beat-round.ts';
import { type Brought, Fetches } from './fetches.ts';
import type { HeadOffer, KeptCluster, PeerMarks, RejectedStep, ReplicaStep } from './peer-replica.ts';
import { Replicas } from './replicas.ts';
import type { FollowedRoster, RosterFollower, RosterOutcome, WithheldRoster } from './roster-follower.ts';
import { StoreFollower } from './store-follower.ts';
import type { LinkStatus } from './store-link.ts';
import type { SyncEvent } from './sync-event.ts';

export { POLL_INTERVAL_MS } from './store-follower.ts';

/**
 * Follows every other cluster of the roster. Hints make it quick, polling of heads makes it right: losing every hint costs
 * at most a poll interval. Each cluster is fetched and judged by itself, so neither a bad cluster nor a call that
 * hangs holds up another. Only a signed roster takes a cluster away; an empty store takes nothing.
 *
 * Each store of the list is followed by itself, and all of them lead to one replica of each cluster: the newest head that
 * passes the accept rule wins, and a store that is dead, old or hostile costs its own news only.
 */
export interface SubscriberComponents {
  readonly store: Stores;
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
  /** Whether this cluster may write the roster, and so brings it to stores that lack it. Default: it may not. */
  readonly bringsRoster?: (() => boolean) | undefined;
  /** The one listener. Called synchronously; a listener that throws is logged and changes nothing. */
  readonly onEvent: (event: SyncEvent) => void;
}

/** Where a step came from: the disk, or the store at a place of the list, with the head that it offered. */
type Origin = 'disk' | { readonly from: number; readonly stored?: StoredHead | undefined };

/** What is held already is judged anew: no store is asked for it. */
const REJUDGED: Origin = { from: 0 };

/** How one store of the list is, as its reader sees it. */
export interface FollowedStore extends LinkStatus {
  readonly store: string;
  /** Clusters whose newest version that we hold is not in this store; absent before it listed any. */
  readonly behind?: number | undefined;
}

export class Subscriber {
  readonly #components: SubscriberComponents;
  readonly #init: SubscriberInit;
  readonly #replicas: Replicas;
  readonly #followers: readonly StoreFollower[];
  readonly #fetches: Fetches;
  readonly #beats: BeatRound;
  readonly #stop = new AbortController();
  /** Whether any store answers, as it was told last. */
  #link: 'unknown' | 'up' | 'down' = 'unknown';
  #withheld: WithheldRoster | undefined;

  constructor(components: SubscriberComponents, init: SubscriberInit) {
    this.#components = components;
    this.#init = init;
    const { roster } = components;
    this.#replicas = new Replicas(
      {
        ...components,
        verifyHead: components.verifyHead ?? cachedVerifier(),
        heard: (from) => this.#followers[from]?.isHeard ?? true,
        roster: () => roster.current?.roster,
        signal: this.#stop.signal,
      },
      init,
    );
    this.#followers = listStores(components.store).map((listed, from) => this.#follower(listed, from));
    this.#beats = new BeatRound(components, { onBeat: (cluster, offer) => this.#judge(cluster, offer) });
    this.#fetches = new Fetches(components, {
      stores: this.#followers.length,
      isNews: (cluster, stored, from) => this.#isNews(cluster, stored, from),
      fetch: (cluster, from) => this.#fetch(cluster, from),
      onError: (cluster, error, from) => this.#fetchFailed(cluster, error, from),
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
    for (const follower of this.#followers) follower.start();
  }

  /** In the order of the list. */
  get stores(): readonly FollowedStore[] {
    return this.#followers.map((follower) => {
      const behind = follower.listed === undefined ? undefined : this.#behind(follower.listed);
      return { ...follower.link, store: follower.name, behind };
    });
  }

  /** Stops following. What was learnt stays with whoever got it. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the subscriber was closed'));
    this.#beats.close();
    await Promise.all([this.#fetches.close(), ...this.#followers.map((follower) => follower.close())]);
  }

  #follower(listed: ListedStore, from: number): StoreFollower {
    const { self, bringsRoster = () => false } = this.#init;
    return new StoreFollower(
      { ...this.#components, listed },
      {
        from,
        self,
        bringsRoster,
        onOffer: (cluster, stored, askedAtMs) => this.#offer(cluster, { stored, from, askedAtMs }),
        onHint: (cluster) => {
          if (cluster !== self && this.#replicas.of(cluster)) this.#fetches.mark(cluster, from);
        },
        onListed: (heads) => this.#listed(listed.name, heads),
        onRoster: (outcome) => this.#lookedAtRoster(outcome),
        onOwnHeadDoubt: () => this.#emit({ kind: 'ownHeadDoubt' }),
        onUp: () => this.#linked('up'),
        onDown: (message) => this.#linked('down', message),
      },
    );
  }

  /** A store that goes away is news only when no other is left. */
  #linked(state: 'up' | 'down', message = ''): void {
    const states = this.#followers.map(({ link }) => link.state);
    if (state === 'down' && states.some((other) => other !== 'down')) return;
    if (this.#link === state) return;
    this.#link = state;
    this.#components.metrics.gauge('isthmus_store_up', '1 while a store answers').set(state === 'up' ? 1 : 0);
    this.#emit(state === 'up' ? { kind: 'storeUp' } : { kind: 'storeDown', message });
  }

  #listed(store: string, heads: ReadonlyMap<ClusterId, StoredHead>): void {
    const { metrics } = this.#components;
    const answered = this.#followers.flatMap(({ listed }) => (listed === undefined ? [] : [listed]));
    const isEmpty = answered.every(({ size }) => size === 0) && this.views.size > 0;
    metrics
      .gauge('isthmus_store_empty', '1 while no store holds any cluster although some are known')
      .set(isEmpty ? 1 : 0);
    metrics
      .gauge('isthmus_store_clusters_behind', 'Clusters whose newest version is not in this store', ['store'])
      .set(this.#behind(heads), { store });
  }

  #behind(heads: ReadonlyMap<ClusterId, StoredHead>): number {
    let behind = 0;
    for (const [cluster, { view }] of this.#replicas.entries()) {
      if (view === undefined) continue;
      const order = heads.get(cluster)?.order;
      if (order === undefined || compareHeadOrder({ ...order, beat: view.head.beat }, view.head) < 0) behind += 1;
    }
    return behind;
  }

  #lookedAtRoster(outcome: RosterOutcome): void {
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
    for (const [cluster, replica] of this.#replicas.entries()) this.#apply(cluster, replica.rejudge(), REJUDGED);
    for (const follower of this.#followers) follower.lookAtHeads();
  }

  #offer(cluster: ClusterId, offer: HeadOffer & { readonly from: number }): void {
    const isHint = offer.askedAtMs === undefined;
    if (isHint && this.#replicas.of(cluster)?.isBeat(offer.stored.order) === true) this.#beats.add(cluster, offer);
    else this.#judge(cluster, offer);
  }

  #judge(cluster: ClusterId, offer: HeadOffer & { readonly from: number }): void {
    const step = this.#replicas.of(cluster)?.offer(offer);
    if (step !== undefined) this.#apply(cluster, step, offer);
  }

  /** Another store may have brought it meanwhile. */
  #isNews(cluster: ClusterId, stored: StoredHead, from: number): boolean {
    return this.#replicas.of(cluster)?.wants(stored.order, from) === true;
  }

  async #fetch(cluster: ClusterId, from: number): Promise<Brought> {
    const replica = this.#replicas.of(cluster);
    const step = await replica?.fetch(from);
    // A roster that came meanwhile may have taken the cluster away.
    const isCurrent = replica === this.#replicas.of(cluster) && !this.#stop.signal.aborted;
    if (step === undefined || !isCurrent) return 'nothing';
    this.#apply(cluster, step, { from });
    return step.kind === 'known' || step.kind === 'rejected' ? 'nothing' : 'news';
  }

  #apply(cluster: ClusterId, step: ReplicaStep, origin: Origin): void {
    switch (step.kind) {
      case 'known':
        return;
      case 'fetch':
        if (origin !== 'disk') this.#fetches.mark(cluster, origin.from, origin.stored);
        return;
      case 'rejected':
        this.#rejected(cluster, step);
        return;
      case 'view':
        if (origin !== 'disk') this.#components.keeper?.keep(step.kept);
        this.#emit({ kind: 'view', view: step.view, origin: origin === 'disk' ? 'disk' : 'store' });
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
    if (isNews) for (const follower of this.#followers) follower.askRosterSoon();
  }

  #rejected(cluster: ClusterId, { clause, reason, message, store }: RejectedStep): void {
    this.#components.metrics
      .counter('isthmus_record_rejected_total', 'Heads and record sets that were refused', ['cluster', 'reason'])
      .add({ cluster, reason });
    this.#components.log.warn('a cluster was refused, its last good stays', {
      cluster,
      store,
      clause,
      reason,
      detail: message,
    });
    this.#emit({ kind: 'rejected', cluster, clause, reason, message, ...(store === undefined ? {} : { store }) });
  }

  /** The next poll offers it again. */
  #fetchFailed(cluster: string, error: unknown, from: number): void {
    if (this.#stop.signal.aborted) return;
    const store = this.#followers[from]?.name;
    this.#components.log.debug('a cluster could not be read', { cluster, store, error: errorText(error) });
    this.#components.metrics
      .counter('isthmus_fetch_failures_total', 'Reads of a cluster from a store that failed', ['cluster'])
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
