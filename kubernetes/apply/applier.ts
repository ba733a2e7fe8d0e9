import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import { KeyedQueue } from '../../runtime/keyed-queue.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import type { KubeObject } from '../api/objects.ts';
import type { KubeTransport } from '../api/transport.ts';
import { ApplierMetrics } from './applier-metrics.ts';
import { type Desired, type ObjectId, type ObjectRef, objectId, type Removal } from './desired.ts';
import { ForeignObjectError, ObjectWriter } from './object-writer.ts';
import { setbackOf } from './setback.ts';
import { ECHO_WAIT_MS, Target, type Want } from './target.ts';

/**
 * Keeps objects as they shall be. Planners say what (the newest word counts), reflectors what is; one write at a time for
 * an object, several objects at once, and an object in trouble waits by itself. Only a leader writes; a follower holds the
 * same wants, so that taking over costs a comparison.
 */
export interface ApplierComponents {
  readonly transport: KubeTransport;
  /** What is known of an object of ours (or, for a status alone, of its owner). */
  readonly present: (ref: ObjectRef) => KubeObject | undefined;
  readonly mayWrite: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface ApplierInit {
  /** Writes under way at once. Default 8: half of what the smallest priority level of an API server has room for. */
  readonly concurrency?: number | undefined;
}

const DEFAULT_CONCURRENCY = 8;
/** 5,000 imported ports with their slices in the largest clusterset, many times over. */
const OBJECTS_MAX = 500_000;

type WantOf<Kind extends Want['kind']> = Extract<Want, { readonly kind: Kind }>;

/** Resource versions before and after a write, or why there was none. */
type Versions = 'as wanted' | 'awaited' | readonly (string | undefined)[];

/** An object that cannot be written, and will be tried again. */
export interface Problem {
  readonly ref: ObjectRef;
  /** The API server's word (`Forbidden`, `Invalid`), or `Conflict`: the name belongs to somebody else. */
  readonly reason: string;
  readonly message: string;
}

export class Applier {
  readonly #components: ApplierComponents;
  readonly #metrics: ApplierMetrics;
  readonly #writer: ObjectWriter;
  readonly #queue: KeyedQueue;
  readonly #targets = new Map<ObjectId, Target>();
  readonly #problems = new Map<ObjectId, Problem>();
  readonly #listeners = new Set<(id: ObjectId) => void>();
  #closed = false;

  constructor(components: ApplierComponents, init: ApplierInit = {}) {
    this.#components = components;
    this.#metrics = new ApplierMetrics(components.metrics);
    this.#writer = new ObjectWriter({ ...components, metrics: this.#metrics });
    // Every key that is marked is one of `#targets`.
    this.#queue = new KeyedQueue((id) => this.#run(id as ObjectId), {
      concurrency: init.concurrency ?? DEFAULT_CONCURRENCY,
      maxKeys: OBJECTS_MAX,
      onError: (id, error) => components.log.error('a write ended in a bug', { object: id, error: errorText(error) }),
    });
  }

  /** Sorted by nothing; at most one an object. */
  get problems(): ReadonlyMap<ObjectId, Problem> {
    return this.#problems;
  }

  /** Tells of problems that come, change or go. */
  onProblem(listener: (id: ObjectId) => void): void {
    this.#listeners.add(listener);
  }

  want(desired: Desired): void {
    this.#change(objectId(desired.ref), { kind: 'apply', desired });
  }

  /** Once it is gone, nobody cares for the name any more. */
  remove(removal: Removal): void {
    this.#change(objectId(removal.ref), { kind: 'remove', removal });
  }

  /** Nothing is wanted of it: neither that it is, nor that it is not. */
  forget(ref: ObjectRef): void {
    this.#drop(objectId(ref));
  }

  /** What is known of the object has changed. */
  recheck(ref: ObjectRef): void {
    const id = objectId(ref);
    const target = this.#targets.get(id);
    if (target === undefined) return;
    if (this.#components.present(ref) === undefined) target.vanished();
    this.#mark(id);
  }

  /** Compares everything once: after becoming leader, and now and then against lost hints. */
  recheckAll(): void {
    for (const id of this.#targets.keys()) this.#mark(id);
  }

  /** Resolves when nothing is being written and nothing waits for its turn; retries may be due later. */
  settled(): Promise<void> {
    return this.#queue.idle();
  }

  /** Writes under way end by themselves. Nothing is removed: to stop is not to leave. */
  close(): void {
    this.#closed = true;
    this.#queue.clear();
    for (const target of this.#targets.values()) target.cancelRetry();
  }

  #change(id: ObjectId, want: Want): void {
    const target = this.#targets.get(id);
    if (target === undefined) this.#targets.set(id, new Target(want, this.#components));
    else target.change(want);
    // An object in trouble keeps its pace, unless it is to become something else.
    if (this.#targets.get(id)?.isWaiting !== true) this.#mark(id);
  }

  #drop(id: ObjectId): void {
    this.#targets.get(id)?.cancelRetry();
    this.#targets.delete(id);
    this.#setProblem(id, undefined);
    this.#level();
  }

  #mark(id: ObjectId): void {
    if (this.#closed) return;
    if (!this.#queue.mark(id)) this.#components.log.error('too many objects wait to be written', { object: id });
    this.#level();
  }

  #level(): void {
    this.#metrics.level({ targets: this.#targets.size, waiting: this.#queue.depth });
  }

  async #run(id: ObjectId): Promise<void> {
    const target = this.#targets.get(id);
    if (target === undefined || this.#closed || !this.#components.mayWrite()) return;
    target.cancelRetry();
    const { want } = target;
    try {
      const versions = want.kind === 'apply' ? await this.#apply(target, want) : await this.#remove(id, target, want);
      if (this.#closed || this.#targets.get(id) !== target) return;
      this.#setProblem(id, undefined);
      if (typeof versions === 'object') target.wrote(want, versions, this.#nowMs());
      if (target.want !== want) return;
      target.calm();
      // News that came before the answer to the write would make nobody look again.
      if (versions !== 'as wanted') this.#retry(id, target, ECHO_WAIT_MS);
    } catch (error) {
      this.#failed(id, target, error);
    }
    this.#level();
  }

  async #apply(target: Target, want: WantOf<'apply'>): Promise<Versions> {
    const { desired } = want;
    const present = this.#components.present(desired.ref);
    // One that is being deleted is told of again when it is gone.
    if (present?.metadata.deletionTimestamp !== undefined) return 'as wanted';
    const echo = target.echoIn(present, this.#nowMs());
    if (echo !== 'none') return echo === 'heard' ? 'as wanted' : 'awaited';
    target.startWrite();
    const versions = await this.#writer.apply(desired, present);
    return versions.length > 0 ? [present?.metadata.resourceVersion, ...versions] : 'as wanted';
  }

  async #remove(id: ObjectId, target: Target, want: WantOf<'remove'>): Promise<Versions> {
    const { removal } = want;
    const present = this.#components.present(removal.ref);
    if (present === undefined || present.metadata.uid !== removal.uid) {
      if (this.#targets.get(id) === target) this.#drop(id);
      return 'as wanted';
    }
    if (present.metadata.deletionTimestamp !== undefined) return 'as wanted';
    if (target.echoIn(present, this.#nowMs()) !== 'none') return 'awaited';
    target.startWrite();
    await this.#writer.remove(removal);
    return [present.metadata.resourceVersion];
  }

  #failed(id: ObjectId, target: Target, error: unknown): void {
    if (this.#closed || this.#targets.get(id) !== target) return;
    const { want } = target;
    const { ref } = want.kind === 'apply' ? want.desired : want.removal;
    if (error instanceof ForeignObjectError) {
      this.#setProblem(id, { ref, reason: 'Conflict', message: error.message });
      this.#retry(id, target, target.retryInMs('refused'));
      return;
    }
    const setback = setbackOf(error);
    switch (setback.kind) {
      case 'refused':
        this.#setProblem(id, { ref, reason: setback.reason, message: setback.message });
        this.#retry(id, target, target.retryInMs('refused'));
        return;
      case 'busy':
        this.#retry(id, target, target.retryInMs('busy', setback.afterMs));
        return;
      case 'gone':
      case 'changed':
        // News is on its way; the retry is for the case that it is lost.
        this.#retry(id, target, target.retryInMs('busy'));
    }
  }

  #retry(id: ObjectId, target: Target, delayMs: number): void {
    target.retryBy(this.#components.clock.after(delayMs, () => this.#mark(id)));
  }

  #setProblem(id: ObjectId, problem: Problem | undefined): void {
    const before = this.#problems.get(id);
    if (before?.reason === problem?.reason && before?.message === problem?.message) return;
    if (problem === undefined) this.#problems.delete(id);
    else this.#problems.set(id, problem);
    if (problem !== undefined) {
      this.#components.log.warn('an object cannot be written', { object: id, reason: problem.reason });
    }
    for (const listener of this.#listeners) listener(id);
  }

  #nowMs(): number {
    return this.#components.clock.monotonicMs();
  }
}
