/**
 * Writes down what a running site believes and what it shows to its operator, for the invariants. Belief is heard as it
 * comes; what an operator sees is looked at again and again, as a scraper does.
 */
import { readdirSync } from 'node:fs';
import type { AdminParts } from '../../controller/admin/routes.ts';
import type { Controller } from '../../controller/controller.ts';
import type { StatusObject } from '../../controller/views/status.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { ClusterView } from '../../federation/model/state.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Roster } from '../../trust/contract.ts';
import type { Recorder } from '../history/recorder.ts';
import { digestOfText, sampleOf } from './metric-text.ts';

export interface ObserverInit {
  readonly reader: ClusterId;
  /** Counts the starts of the site. */
  readonly run: number;
  readonly controller: Controller;
  readonly admin: AdminParts;
}

const LOOK_EVERY_MS = 100;
/** Three controllers and the test in one process; what a case with huge values may add is above its own bound. */
export const USAGE_MAX = { rssBytes: 1024 * 1024 * 1024, fileDescriptors: 1_024 };

export class Observer {
  readonly #recorder: Recorder;
  readonly #clock: Clock;
  readonly #init: ObserverInit;
  readonly #verdicts = new Map<ClusterId, string>();
  readonly #rejected = new Map<ClusterId, string>();
  #roster: Roster | undefined;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(components: { recorder: Recorder; clock: Clock }, init: ObserverInit) {
    this.#recorder = components.recorder;
    this.#clock = components.clock;
    this.#init = init;
    this.#recorder.record({ kind: 'bounds', process: init.reader, max: USAGE_MAX });
    this.#listen();
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #listen(): void {
    const { engine } = this.#init.controller;
    this.#lookAtRoster();
    for (const view of engine.world.views.values()) this.#applied(view, 'disk');
    const withView = engine.withView.bind(engine);
    engine.withView = (view) => {
      this.#lookAtRoster();
      this.#applied(view, 'store');
      withView(view);
    };
  }

  #applied({ cluster, head }: ClusterView, origin: 'store' | 'disk'): void {
    const { incarnation, epoch, writerId, version, beat, digest } = head;
    const order = { incarnation, epoch, writerId, version, beat };
    const { reader, run } = this.#init;
    this.#recorder.record({ kind: 'applied', reader, run, origin, cluster, order, digest });
  }

  async #look(): Promise<void> {
    if (this.#stopped) return;
    const { reader, controller } = this.#init;
    this.#lookAtRoster();
    this.#recorder.record({ kind: 'holds', reader, clusters: [...controller.engine.world.views.keys()] });
    this.#lookAtVerdicts();
    this.#lookAtRejections();
    await this.#lookAtWhatIsShown();
    const used = { rssBytes: process.memoryUsage.rss(), fileDescriptors: readdirSync('/proc/self/fd').length };
    this.#recorder.record({ kind: 'usage', process: reader, used });
    if (!this.#stopped) this.#timer = this.#clock.after(LOOK_EVERY_MS, () => void this.#look());
  }

  #lookAtRoster(): void {
    const { roster } = this.#init.controller.engine.world;
    if (roster === this.#roster) return;
    this.#roster = roster;
    const { reader } = this.#init;
    this.#recorder.record({ kind: 'roster', reader, version: roster.version, ...rosterFacts(roster) });
  }

  #lookAtVerdicts(): void {
    const { reader, controller } = this.#init;
    for (const [cluster, { liveness }] of controller.board.standings) {
      const before = this.#verdicts.get(cluster);
      if (before === liveness.verdict) continue;
      this.#verdicts.set(cluster, liveness.verdict);
      this.#recorder.record({ kind: 'verdict', reader, cluster, verdict: liveness.verdict });
      // Before its first sign of life nothing is known of its age.
      const isStale = liveness.verdict === 'Stale' && before !== undefined;
      if (isStale) this.#recorder.record({ kind: 'stale', reader, cluster });
    }
  }

  #lookAtRejections(): void {
    const { reader, controller } = this.#init;
    for (const [cluster, text] of controller.rejected) {
      if (this.#rejected.get(cluster) === text) continue;
      this.#rejected.set(cluster, text);
      const [reason = ''] = text.split(':', 1);
      this.#recorder.record({ kind: 'rejected', reader, cluster, clause: reason, reason });
    }
    for (const cluster of this.#rejected.keys()) if (!controller.rejected.has(cluster)) this.#rejected.delete(cluster);
  }

  /** I10: each staleness and each rejection, in the metrics and in `isthmus status`. */
  async #lookAtWhatIsShown(): Promise<void> {
    const { reader, admin } = this.#init;
    const troubled = [...this.#verdicts].filter(([, verdict]) => verdict === 'Stale').map(([cluster]) => cluster);
    if (troubled.length === 0 && this.#rejected.size === 0) return;
    const metrics = await admin.metrics();
    const shown = (cluster: ClusterId, what: string, where: 'metric' | 'status'): void =>
      this.#recorder.record({ kind: 'shown', reader, cluster, shown: what, where });
    const { findings, peers } = statusOf(admin);
    for (const cluster of troubled) {
      if (sampleOf(metrics, 'isthmus_peer_liveness', { cluster, verdict: 'Stale' }) === 1)
        shown(cluster, 'stale', 'metric');
      if (peers.stale > 0) shown(cluster, 'stale', 'status');
    }
    for (const [cluster, text] of this.#rejected) {
      const [reason = ''] = text.split(':', 1);
      const counted = sampleOf(metrics, 'isthmus_record_rejected_total', { cluster, reason }) ?? 0;
      if (counted > 0) shown(cluster, reason, 'metric');
      if (findings.some(({ message }) => message.includes(text))) shown(cluster, reason, 'status');
    }
  }
}

export function statusOf(admin: AdminParts): StatusObject {
  // `adminParts` makes it with `status()`.
  return admin.api['status']?.() as StatusObject;
}

/** Digest and active members, in the form that a history compares. */
export function rosterFacts(roster: Roster): { readonly digest: string; readonly members: Record<string, number> } {
  const active = roster.members.filter(({ status }) => status === 'active');
  const sorted = Object.entries(roster).sort(([left], [right]) => (left < right ? -1 : 1));
  return {
    digest: digestOfText(sorted.map(([name, value]) => [name, JSON.stringify(value, sortedKeys)])),
    members: Object.fromEntries(active.map(({ cluster, incarnation }) => [cluster, incarnation])),
  };
}

/** Signed and read back, the same members may come in another order of their fields. */
function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}
