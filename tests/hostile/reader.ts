import type { ClusterId } from '../../federation/model/ids.ts';
import { rim } from '../../federation/sync/clusterset.fixture.ts';
import { RosterFollower } from '../../federation/sync/roster-follower.ts';
import { type Keeper, Subscriber } from '../../federation/sync/subscriber.ts';
import type { SyncEvent } from '../../federation/sync/sync-event.ts';
import type { Timer } from '../../runtime/clock.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Recorder } from '../history/recorder.ts';
import { clusterset, LIMITS, READER_RANGES } from './cast.ts';
import type { Disk, Field, Link, OpenedDisk } from './field.ts';
import { Witness } from './witness.ts';

/** A reader as the controller has it: subscriber, roster follower, marks and last good, with a witness at every door. */
export interface ReaderComponents {
  readonly field: Field;
  readonly recorder: Recorder;
}

export interface ReaderInit {
  readonly self: ClusterId;
  readonly seed: number;
}

/** An operator's scrape may come at any time; the test's comes well within what is promised. */
const LOOK_AFTER_MS = 250;

interface Running {
  readonly metrics: Metrics;
  readonly subscriber: Subscriber;
  readonly follower: RosterFollower;
  readonly opened: OpenedDisk;
}

export class WatchedReader {
  readonly link: Link;
  readonly #field: Field;
  readonly #recorder: Recorder;
  readonly #init: ReaderInit;
  readonly #disk: Disk;
  readonly #witness: Witness;
  #running: Running | undefined;
  #lookTimer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  /** Rejections whose metric has not been looked at. */
  readonly #rejections: { readonly cluster: string; readonly reason: string }[] = [];
  /** Of this start: metrics begin at 0 with it. */
  readonly #expected = new Map<string, number>();

  private constructor(components: ReaderComponents, init: ReaderInit, link: Link, disk: Disk) {
    this.#field = components.field;
    this.#recorder = components.recorder;
    this.#init = init;
    this.link = link;
    this.#disk = disk;
    this.#witness = new Witness(components, { reader: init.self });
  }

  static async start(components: ReaderComponents, init: ReaderInit): Promise<WatchedReader> {
    const link = await components.field.link(init.self);
    const reader = new WatchedReader(components, init, link, await components.field.disk(init.self));
    await reader.#start();
    return reader;
  }

  /** `states-lost`: after a crash in which the disk lost all but the marks. */
  async restart(how: 'orderly' | 'crash' | 'states-lost'): Promise<void> {
    await this.stop(how === 'orderly' ? 'orderly' : 'crash');
    if (how === 'states-lost') await this.#disk.loseStates();
    if (how !== 'orderly') this.#recorder.record({ kind: 'diskLost', reader: this.#init.self });
    await this.#start();
  }

  /** Everything that is new since the last look. Not every beat brings an event, so it is looked often. */
  look(): void {
    if (this.#running === undefined) return;
    const { views } = this.#running.subscriber;
    this.#witness.looksAgain(views);
    this.#witness.holds(views);
  }

  async stop(how: 'orderly' | 'crash' = 'orderly'): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    await running.subscriber.close();
    this.look();
    this.#lookTimer?.cancel();
    this.#lookTimer = undefined;
    await this.#looking;
    await this.#lookAtMetrics();
    this.#running = undefined;
    await running.opened.close(how);
    this.#witness.stopped();
  }

  /** What an operator sees of the rejections since the last time: every one must have moved its metric. */
  async #lookAtMetrics(): Promise<void> {
    if (this.#running === undefined || this.#rejections.length === 0) return;
    const rejections = this.#rejections.splice(0);
    const counted = rejectionCounts(await this.#running.metrics.text());
    for (const rejection of rejections) {
      const key = `${rejection.cluster} ${rejection.reason}`;
      const expected = (this.#expected.get(key) ?? 0) + 1;
      this.#expected.set(key, expected);
      if ((counted.get(key) ?? 0) >= expected) this.#witness.shows(rejection, 'metric');
    }
  }

  #lookSoon(): void {
    this.#lookTimer ??= this.#field.clock.after(LOOK_AFTER_MS, () => {
      this.#lookTimer = undefined;
      this.#looking = this.#lookAtMetrics();
    });
  }

  async #start(): Promise<void> {
    const opened = await this.#disk.open();
    const base = rim(this.#field.clock, this.#init.seed);
    const components = { ...base, store: this.link.store, marks: opened.marks };
    const follower = new RosterFollower(components, { pinnedRoots: [clusterset.root] });
    const keeper = witnessed(opened.keeper, this.#witness);
    const subscriber: Subscriber = new Subscriber(
      { ...components, roster: follower, keeper },
      {
        self: this.#init.self,
        limits: LIMITS,
        ownRanges: READER_RANGES,
        onEvent: (event) => this.#happened(event, subscriber, follower),
      },
    );
    this.#running = { subscriber, follower, opened, metrics: base.metrics };
    this.#witness.started();
    this.#expected.clear();
    for (const kept of opened.kept.clusters) this.#witness.keeps(kept);
    subscriber.restore(opened.kept);
    this.#witness.sees(subscriber.views, 'disk');
    this.#witness.holds(subscriber.views);
    subscriber.start();
  }

  #happened(event: SyncEvent, { views }: Subscriber, follower: RosterFollower): void {
    switch (event.kind) {
      case 'view':
        return this.#witness.sees(views, event.origin, event.view.cluster);
      case 'beat':
        return this.#witness.sees(views, 'store', event.cluster);
      case 'rejected':
        this.#witness.rejected(event);
        this.#rejections.push(event);
        this.#lookSoon();
        return this.#witness.shows(event, 'event');
      case 'roster':
        // What was taken before it is no business of the new roster.
        this.#witness.sees(views, 'store');
        if (follower.current !== undefined)
          this.#witness.trusts({ roster: event.roster, bytes: follower.current.bytes }, views, event.origin);
        return;
      case 'rosterRefused':
        return this.#witness.distrusts(event.reason);
      case 'withdrawn':
        return this.#witness.lost(event.cluster);
      case 'rosterWithheld':
      case 'ownHeadDoubt':
      case 'storeUp':
      case 'storeDown':
        return;
    }
  }
}

function witnessed(keeper: Keeper, witness: Witness): Keeper {
  return {
    keep: (kept) => {
      witness.keeps(kept);
      keeper.keep(kept);
    },
    keepRoster: (bytes) => keeper.keepRoster(bytes),
    forget: (cluster) => keeper.forget(cluster),
  };
}

/** `CLUSTER REASON` -> count, of the Prometheus text. */
function rejectionCounts(text: string): ReadonlyMap<string, number> {
  const lines = text.matchAll(/^isthmus_record_rejected_total\{(.*)\} (\d+)$/gm);
  return new Map(
    [...lines].map(([, labels = '', count]) => {
      const label = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
      return [`${label('cluster')} ${label('reason')}`, Number(count)];
    }),
  );
}
