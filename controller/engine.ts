import type { ClusterId } from '../federation/model/ids.ts';
import type { ClusterView } from '../federation/model/state.ts';
import type { Snapshot } from '../gateway-config/snapshot.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { CounterHandle, HistogramHandle, Metrics } from '../runtime/metrics.ts';
import type { Urgency } from '../federation/sync/publish-pace.ts';
import type { RecordSet } from '../federation/model/records.ts';
import { type Derived, derive, deriveOwn, type OwnPart } from './derive.ts';
import { HoldOff, type Rest } from './hold-off.ts';
import { urgencyOf } from './urgency.ts';
import type { World } from './world.ts';

/**
 * Holds the one `World` of a running controller, re-derives at its own pace when a part of it changed, and hands the
 * results to those who act on them. The only place where the world is replaced.
 */
export interface EngineInit {
  readonly world: World;
  /** While true no gateway is programmed yet, and news of other clusters may wait for each other. Default: never. */
  readonly isGathering?: () => boolean;
  readonly onOwnRecords: (records: RecordSet, urgency: Urgency) => void;
  readonly onSnapshot: (snapshot: Snapshot) => void;
  readonly onDerived: (derived: Derived, previous: Derived | undefined) => void;
}

/** Long enough to gather what belongs together (a rolling update), short against the 10 ms promised for one change. */
const HOLD_OFF = { quietMs: 4, maxMs: 40 };
/** For what only status shows: a start reads a hundred clusters, and works them out together. */
const GATHERING = { quietMs: 500, maxMs: 5_000 };
/** What our own records are made of: the other clusters wait for them, whatever we still know of those. */
const PUBLISHED = ['local', 'gateways', 'chain', 'unhealthy', 'site'] as const;
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

export class Engine {
  readonly #clock: Clock;
  readonly #init: EngineInit;
  readonly #holdOff: HoldOff;
  readonly #log: Logger;
  readonly #duration: HistogramHandle;
  readonly #failures: CounterHandle;
  #world: World;
  #derived: Derived;
  #failure: string | undefined;
  /** Told already, while the rest of it is still to be worked out. */
  #early: OwnPart | undefined;

  constructor(components: { clock: Clock; log: Logger; metrics: Metrics }, init: EngineInit) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#init = init;
    this.#world = init.world;
    this.#holdOff = new HoldOff(components, { ...HOLD_OFF, run: () => this.#runInParts() });
    this.#duration = components.metrics.histogram(
      'isthmus_derive_seconds',
      'Time from the merged state to the snapshot',
      BUCKETS_S,
    );
    this.#failures = components.metrics.counter(
      'isthmus_derive_failed_total',
      'Changes that could not be worked out; what was in force before stays',
    );
    this.#derived = derive(init.world);
    init.onDerived(this.#derived, undefined);
  }

  get world(): World {
    return this.#world;
  }

  get derived(): Derived {
    return this.#derived;
  }

  /** The newest that was told. */
  get ownRecords(): RecordSet {
    return (this.#early ?? this.#derived).own.records;
  }

  /** Why the newest world could not be worked out: a bug of ours, met by somebody's data. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Works out now what waits for its turn. */
  settle(): void {
    if (this.#world !== this.#derived.world) this.#run();
  }

  /** Replaces parts of the world; what is equal by identity costs nothing. */
  update(part: Partial<World>): void {
    this.#world = { ...this.#world, ...part };
    const mayWait = this.#init.isGathering?.() === true && !PUBLISHED.some((name) => part[name] !== undefined);
    if (mayWait) this.#holdOff.markLater(GATHERING);
    else this.#holdOff.mark();
  }

  withView(view: ClusterView): void {
    this.update({ views: new Map(this.#world.views).set(view.cluster, view) });
  }

  /** Only for a cluster that a verified roster took away. */
  withoutView(cluster: ClusterId): void {
    const views = new Map(this.#world.views);
    if (views.delete(cluster)) this.update({ views });
  }

  close(): void {
    this.#holdOff.close();
  }

  /** The other clusters wait for our records, which are told before the rest is worked out: their way is the longer one. */
  #runInParts(): Rest | undefined {
    const isFine = this.#guarded(() => {
      const told = this.#early ?? this.#derived;
      const part = deriveOwn(this.#world, told);
      if (part.own.records === told.own.records) return this.#derive();
      this.#tellOwn(part, told);
      this.#early = part;
    });
    return isFine && this.#early !== undefined ? () => this.settle() : undefined;
  }

  #run(): void {
    this.#guarded(() => this.#derive());
  }

  /** One record that nobody thought of must not end the process, and then again the next one: the last result stays. */
  #guarded(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      const text = errorText(error);
      this.#failures.add();
      if (text !== this.#failure) this.#log.error('a change could not be worked out, what was before stays', { error });
      this.#failure = text;
      return false;
    }
  }

  #derive(): void {
    const startedMs = this.#clock.monotonicMs();
    const previous = this.#derived;
    const told = this.#early ?? previous;
    this.#derived = derive(this.#world, previous, told);
    this.#early = undefined;
    const { own, snapshot } = this.#derived;
    if (own.records !== told.own.records) this.#tellOwn(this.#derived, told);
    if (snapshot !== previous.snapshot) this.#init.onSnapshot(snapshot);
    this.#duration.observe((this.#clock.monotonicMs() - startedMs) / 1000);
    this.#init.onDerived(this.#derived, previous);
    this.#failure = undefined;
  }

  #tellOwn({ own, ownView }: OwnPart, before: OwnPart): void {
    this.#init.onOwnRecords(own.records, urgencyOf(before.ownView, ownView));
  }
}
