import type { ClusterId } from '../federation/model/ids.ts';
import { compareText } from '../federation/model/ids.ts';
import { isIsolated, type ProbeResult } from '../federation/model/liveness.ts';
import {
  type HealthSettings,
  isolationEvidence,
  nextDueMs,
  type PeerEvent,
  type PeerHealth,
  startPeerHealth,
  step,
} from '../federation/model/peer-health.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { PeerStanding } from './world.ts';

/**
 * Keeps the health state machines of all peers, feeds them with events and with the passing of time, and tells when a
 * verdict changed. The decisions are in `federation/model/peer-health.ts`; here is only the bookkeeping.
 */
export interface PeerBoardInit {
  readonly settings: HealthSettings;
  readonly onChange: (standings: ReadonlyMap<ClusterId, PeerStanding>) => void;
}

/** An event of one peer, without the time: the board has the clock. */
export type PeerNews =
  | { readonly kind: 'head' }
  | { readonly kind: 'probe'; readonly gateway: string; readonly healthy: number; readonly total: number };

/** A tick is never scheduled closer than this, or a due time that does not change anything would spin. */
const TICK_MS_MIN = 20;

export class PeerBoard {
  readonly #clock: Clock;
  readonly #init: PeerBoardInit;
  readonly #peers = new Map<ClusterId, PeerHealth>();
  #standings: ReadonlyMap<ClusterId, PeerStanding> = new Map();
  #storeLinkUp = true;
  #isolated = false;
  #timer: Timer | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(components: { clock: Clock }, init: PeerBoardInit) {
    this.#clock = components.clock;
    this.#init = init;
  }

  get isolated(): boolean {
    return this.#isolated;
  }

  get standings(): ReadonlyMap<ClusterId, PeerStanding> {
    return this.#standings;
  }

  /** What our own gateways say of it. */
  probeOf(cluster: ClusterId): ProbeResult {
    return this.#peers.get(cluster)?.probe ?? 'unknown';
  }

  /** Since its head last advanced, by our own monotonic clock, ms; undefined when it has not since our start. */
  headAgeMs(cluster: ClusterId): number | undefined {
    const atMs = this.#peers.get(cluster)?.headAtMs;
    return atMs === undefined ? undefined : this.#clock.monotonicMs() - atMs;
  }

  /** A member of the roster: judged from now on. Nothing is known of it yet, and unknown keeps everything. */
  know(cluster: ClusterId): void {
    if (this.#peers.has(cluster)) return;
    this.#peers.set(cluster, startPeerHealth(this.#clock.monotonicMs(), this.#init.settings));
    this.#settle();
  }

  /** Left the roster. */
  forget(cluster: ClusterId): void {
    if (this.#peers.delete(cluster)) this.#settle();
  }

  hear(cluster: ClusterId, news: PeerNews): void {
    this.know(cluster);
    const before = this.#peers.get(cluster);
    const atMs = this.#clock.monotonicMs();
    this.#step(cluster, { ...news, atMs });
    const after = this.#peers.get(cluster);
    // Only probes tell whether we are the isolated one. A beat of one peer in hundreds concerns nobody else.
    const probed = before?.probe !== after?.probe || before?.probeSinceMs !== after?.probeSinceMs;
    if (probed || after === undefined) this.#settle();
    else this.#settleOne(cluster, after, atMs);
  }

  storeLink(link: 'up' | 'down'): void {
    this.#storeLinkUp = link === 'up';
    this.#settle();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #step(cluster: ClusterId, event: PeerEvent): void {
    const before = this.#peers.get(cluster);
    if (before !== undefined) this.#peers.set(cluster, step(before, event));
  }

  /** Whether we are the isolated one is judged over all peers, so it is judged again after every event. */
  #settle(): void {
    if (this.#closed) return;
    const atMs = this.#clock.monotonicMs();
    const isolated = isIsolated(isolationEvidence(this.#peers.values(), this.#storeLinkUp));
    for (const cluster of this.#peers.keys()) {
      this.#step(cluster, isolated === this.#isolated ? { kind: 'tick', atMs } : { kind: 'isolation', isolated, atMs });
    }
    this.#isolated = isolated;
    this.#publish();
    this.#schedule(atMs);
  }

  #settleOne(cluster: ClusterId, peer: PeerHealth, nowMs: number): void {
    if (this.#closed) return;
    const standing = this.#standings.get(cluster);
    if (standing?.liveness !== peer.liveness || standing.serving !== peer.serving) this.#publish();
    // A due time that has only moved away is found out when it comes.
    const dueMs = nextDueMs(peer, nowMs);
    if (dueMs !== undefined && dueMs < this.#timerDueMs) this.#wakeAt(dueMs, nowMs);
  }

  #publish(): void {
    const sorted = [...this.#peers].sort(([left], [right]) => compareText(left, right));
    const next = new Map(
      sorted.map(([cluster, { liveness, serving }]) => {
        const before = this.#standings.get(cluster);
        const same = before?.liveness === liveness && before.serving === serving;
        return [cluster, same ? before : { liveness, serving }] as const;
      }),
    );
    const unchanged =
      next.size === this.#standings.size &&
      [...next].every(([cluster, standing]) => this.#standings.get(cluster) === standing);
    if (unchanged) return;
    this.#standings = next;
    this.#init.onChange(next);
  }

  #schedule(nowMs: number): void {
    this.#timer?.cancel();
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    const dues = [...this.#peers.values()].map((peer) => nextDueMs(peer, nowMs)).filter((due) => due !== undefined);
    if (dues.length > 0) this.#wakeAt(Math.min(...dues), nowMs);
  }

  #wakeAt(dueMs: number, nowMs: number): void {
    this.#timer?.cancel();
    this.#timerDueMs = dueMs;
    this.#timer = this.#clock.after(Math.max(TICK_MS_MIN, dueMs - nowMs), () => this.#settle());
  }
}
