/**
 * Keeps a projection of one collection of the API server: lists it, watches it, and goes on whatever happens in between.
 * The rim of `machine.ts`: it performs the one action that the machine names and tells it the outcome.
 *
 * Objects are projected as they come and let go, so that memory is what the projection holds. What cannot be known
 * (not allowed, no such kind, no answer) never looks like an empty collection: `objects` keeps the last complete state,
 * `state` says how old it may be, `finding` what to do about it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../runtime/clock.ts';
import { assertNever, errorText, type Finding } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import { type KubeObject, type ObjectKey, objectKey } from '../api/objects.ts';
import type { KubeTransport } from '../api/transport.ts';
import { readEvent } from './answers.ts';
import { Batches } from './batches.ts';
import { Collection, type CollectionOf } from './collection.ts';
import { failureOf } from './failure.ts';
import { type Changes, KnownObjects } from './known-objects.ts';
import { step } from './machine.ts';
import { findingOf, type ReflectorState, reflectorState } from './reflector-state.ts';
import { type ReflectorMetrics, reflectorMetrics } from './reflector-metrics.ts';
import { SilenceGuard } from './silence-guard.ts';
import { type Action, type Emission, initialState, type Input, type State, type Step } from './states.ts';

/** API servers send a bookmark about once a minute to who asks for them: two of them and some slack. */
export const SILENCE_LIMIT_MS = 160_000;

export interface ReflectorInit<T> extends CollectionOf {
  /**
   * What to keep of an object; `undefined`: nothing, as if it were not there. Called once a change, with an object that is the
   * callee's own; one that throws leaves what was known of the object.
   */
  readonly project: (object: KubeObject) => T | undefined;
  /** Whether a change is one. Default: deep equality. */
  readonly same?: ((one: T, other: T) => boolean) | undefined;
  /** Default `SILENCE_LIMIT_MS`. */
  readonly silenceLimitMs?: number | undefined;
  /** Objects a page. Default `PAGE_LIMIT`. */
  readonly pageLimit?: number | undefined;
}

export interface ReflectorComponents {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface ChangeBatch<T> {
  /** Absent value: gone, or no longer projected. Empty in the call that only tells the first complete list. */
  readonly changed: Changes<T>;
}

export class Reflector<T> {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #metrics: ReflectorMetrics;
  readonly #init: ReflectorInit<T>;
  readonly #collection: Collection;
  readonly #known: KnownObjects<T>;
  readonly #batches: Batches;
  readonly #changeListeners = new Set<(batch: ChangeBatch<T>) => void>();
  readonly #stateListeners = new Set<(state: ReflectorState) => void>();
  readonly #stopped = new AbortController();
  #at: State;
  #synced = false;
  #toldSynced = false;
  #loop: Promise<void> | undefined;

  constructor(components: ReflectorComponents, init: ReflectorInit<T>) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#log = components.log.child({ component: 'list-watch', resource: init.resource.plural });
    this.#metrics = reflectorMetrics(components.metrics, init.resource.plural);
    this.#init = init;
    this.#collection = new Collection(components, init);
    this.#known = new KnownObjects<T>({ same: init.same ?? isDeepStrictEqual });
    this.#batches = new Batches(components, { flush: () => this.#tell() });
    this.#at = initialState(init.pageLimit);
  }

  /** Live: the same map, always in its newest state. */
  get objects(): ReadonlyMap<ObjectKey, T> {
    return this.#known.values;
  }

  /** A complete list was seen, once: what is not in `objects` was not there then. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Nothing more is to be waited for: it is synced, or there is no such kind in this cluster now. */
  get settled(): boolean {
    return this.#synced || this.state === 'absent';
  }

  get state(): ReflectorState {
    return reflectorState(this.#at, this.#synced);
  }

  /** What somebody has to do before this goes on. */
  get finding(): Finding | undefined {
    return findingOf(this.#at, this.#init);
  }

  /** Called with what changed since the last call, and once at the first complete list. Returns how to end it. */
  onChange(listener: (batch: ChangeBatch<T>) => void): () => void {
    this.#changeListeners.add(listener);
    return () => void this.#changeListeners.delete(listener);
  }

  onState(listener: (state: ReflectorState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => void this.#stateListeners.delete(listener);
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** No listener is called any more; `objects` stays. */
  async close(): Promise<void> {
    this.#stopped.abort(new Error('closed'));
    this.#batches.stop();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let next: Action = this.#take({ type: 'start' }).next;
    while (!signal.aborted) {
      next = await this.#perform(next).catch((error: unknown) => this.#failed(error, 0));
    }
  }

  /** @throws what the transport throws; an open watch tells its own failures */
  async #perform(action: Action): Promise<Action> {
    const { signal } = this.#stopped;
    switch (action.type) {
      case 'list':
        this.#metrics.request('list');
        return this.#take(await this.#collection.page(action, signal)).next;
      case 'probe':
        this.#metrics.request('probe');
        return this.#take({ type: 'probed', version: await this.#collection.newestVersion(signal) }).next;
      case 'watch':
        this.#metrics.request('watch');
        return await this.#watch(action);
      case 'wait':
        await this.#clock.sleep(action.ms, signal);
        return this.#take({ type: 'due' }).next;
      case 'read':
        return this.#failed(new Error('no watch is open'), 0);
      default:
        return assertNever(action);
    }
  }

  /** Until the machine wants something else than the next line. */
  async #watch(action: Action & { type: 'watch' }): Promise<Action> {
    const end = new AbortController();
    const stop = (): void => end.abort(this.#stopped.signal.reason);
    this.#stopped.signal.addEventListener('abort', stop, { once: true });
    let silent = false;
    let openedMs: number | undefined;
    const afterMs = (): number => (openedMs === undefined ? 0 : this.#clock.monotonicMs() - openedMs);
    const onSilence = (): void => {
      silent = true;
      end.abort(new Error('silent'));
    };
    const guard = new SilenceGuard(
      { clock: this.#clock },
      { limitMs: this.#init.silenceLimitMs ?? SILENCE_LIMIT_MS, onSilence },
    );
    const onOpen = (): void => {
      openedMs = this.#clock.monotonicMs();
      this.#take({ type: 'opened' });
    };
    try {
      for await (const line of this.#collection.lines(action, { signal: end.signal, onOpen })) {
        guard.heard();
        const { next } = this.#take(readEvent(line, afterMs()));
        if (next.type !== 'read') return next;
      }
      return this.#take({ type: 'closed', afterMs: afterMs() }).next;
    } catch (error) {
      if (!silent) return this.#failed(error, afterMs());
      this.#metrics.failure('silent');
      return this.#take({ type: 'silent' }).next;
    } finally {
      guard.stop();
      this.#stopped.signal.removeEventListener('abort', stop);
    }
  }

  #failed(error: unknown, afterMs: number): Action {
    // An end that we asked for is nobody's failure; the loop sees the signal.
    if (this.#stopped.signal.aborted) return { type: 'wait', ms: 0 };
    return this.#take({ type: 'failed', failure: failureOf(error), afterMs }).next;
  }

  #take(input: Input<KubeObject>): Step<KubeObject> {
    const before = this.state;
    const taken = step(this.#at, input, { fraction: this.#random.fraction() });
    this.#at = taken.state;
    this.#count(input);
    for (const emission of taken.emit) this.#learn(emission);
    if (this.#known.hasChanges || (this.#synced && !this.#toldSynced)) this.#batches.mark();
    if (this.state !== before) this.#tellState(before);
    return taken;
  }

  #learn(emission: Emission<KubeObject>): void {
    switch (emission.type) {
      case 'begin':
        return this.#known.begin();
      case 'changed':
        return emission.objects.forEach((object) => this.#project(object));
      case 'deleted':
        return this.#known.delete(objectKey(emission.object));
      case 'complete':
        this.#known.complete();
        this.#synced = true;
        return undefined;
      default:
        return assertNever(emission);
    }
  }

  #project(object: KubeObject): void {
    const key = objectKey(object);
    try {
      const value = this.#init.project(object);
      if (value === undefined) this.#known.delete(key);
      else this.#known.set(key, value);
    } catch (error) {
      this.#known.keep(key);
      this.#metrics.failure('projection');
      this.#log.warn('an object cannot be read, what was known of it stays', { key, err: errorText(error) });
    }
  }

  #count(input: Input<KubeObject>): void {
    if (input.type === 'failed') this.#metrics.failure(input.failure.kind);
    else if (input.type === 'unknown') this.#metrics.failure('unknown-event');
    else if (input.type === 'changed' || input.type === 'deleted') this.#metrics.event(input.type);
  }

  #tell(): void {
    this.#toldSynced = this.#synced;
    this.#metrics.objects(this.#known.values.size);
    const changed = this.#known.takeChanges();
    for (const listener of this.#changeListeners) this.#guarded(() => listener({ changed }));
  }

  #tellState(before: ReflectorState): void {
    const { state } = this;
    this.#metrics.current(state === 'current' ? 1 : 0);
    const fields = { before, state, reason: this.#at.trouble?.message };
    if (state === 'current' || state === 'listing') this.#log.info('watching', fields);
    else this.#log.warn('not watching, what is known stays', { ...fields, hint: this.finding?.hint });
    for (const listener of this.#stateListeners) this.#guarded(() => listener(state));
  }

  /** A listener that throws is told the next change all the same, and so are the others. */
  #guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#metrics.failure('listener');
      this.#log.error('a listener failed', { err: errorText(error) });
    }
  }
}
