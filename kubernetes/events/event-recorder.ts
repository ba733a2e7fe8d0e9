/**
 * Writes Events beside the work, never in its way: `record` returns at once and fails nobody. What cannot be written in time
 * is dropped and counted; an Event is a courtesy, the condition of the object is the truth.
 */
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { CounterHandle, Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import { EVENTS, pathOf } from '../api/resources.ts';
import { KubeApiError, type KubeTransport, KubeUnreachableError } from '../api/transport.ts';
import { EventBook, type Occurrence, type Series } from './event-book.ts';
import { eventNamespace, eventObject, type Reporter, seriesPatch } from './event-object.ts';

/** Events that wait for a slow server. */
const MAX_WAITING = 256;
/** After these the Event is old news. */
const ATTEMPTS = 3;
const BACKOFF = { initialMs: 500, maxMs: 5_000 };
const WRITE_TIMEOUT_MS = 10_000;
const SUFFIX_BYTES = 8;

type Work =
  | { readonly key: string; readonly occurrence: Occurrence; readonly epochMs: number }
  | { readonly series: Series };
type Outcome = 'written' | 'too-many' | 'queue-full' | 'failed' | 'forbidden';

export interface EventRecorderComponents {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export class EventRecorder {
  readonly #transport: KubeTransport;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #outcomes: CounterHandle;
  readonly #reporter: Reporter;
  readonly #book = new EventBook();
  readonly #waiting: Work[] = [];
  readonly #stopped = new AbortController();
  #worker: Promise<void> | undefined;
  #timer: Timer | undefined;
  #saidForbidden = false;

  constructor(components: EventRecorderComponents, init: { readonly reporter: Reporter }) {
    this.#transport = components.transport;
    this.#clock = components.clock;
    this.#random = components.random;
    this.#log = components.log.child({ component: 'events' });
    this.#outcomes = components.metrics.counter(
      'isthmus_kubernetes_events_total',
      'Events and updates of their counts, by what became of them.',
      ['outcome'],
    );
    this.#reporter = init.reporter;
  }

  record(occurrence: Occurrence): void {
    if (this.#stopped.signal.aborted) return;
    const { verdict, key } = this.#book.note(occurrence, this.#clock.monotonicMs());
    if (verdict === 'repeated') return this.#schedule();
    if (verdict === 'too-many') return this.#count('too-many');
    if (!this.#enqueue({ key, occurrence, epochMs: this.#clock.epochMs() })) this.#book.forget(key);
  }

  /** Drops what waits. */
  async close(): Promise<void> {
    this.#stopped.abort(new Error('closed'));
    this.#timer?.cancel();
    this.#waiting.length = 0;
    await this.#worker;
  }

  #enqueue(work: Work): boolean {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#count('queue-full');
      return false;
    }
    this.#waiting.push(work);
    this.#worker ??= this.#drain();
    return true;
  }

  /** One timer for the count that is due first. */
  #schedule(): void {
    const dueMs = this.#book.nextDueMs;
    if (this.#timer !== undefined || dueMs === undefined) return;
    this.#timer = this.#clock.after(Math.max(0, dueMs - this.#clock.monotonicMs()), () => {
      this.#timer = undefined;
      for (const series of this.#book.takeDue(this.#clock.monotonicMs())) this.#enqueue({ series });
      // A count whose Event is still on its way has to be looked at again, without turning in a circle.
      if (this.#book.nextDueMs !== undefined) this.#timer = this.#clock.after(BACKOFF.maxMs, () => this.#again());
    });
  }

  #again(): void {
    this.#timer = undefined;
    this.#schedule();
  }

  async #drain(): Promise<void> {
    for (let work = this.#waiting.shift(); work !== undefined; work = this.#waiting.shift()) {
      this.#count(await this.#written(work));
    }
    // In the same turn as the look at the empty queue: what comes a moment later has to find nobody at work.
    this.#worker = undefined;
  }

  async #written(work: Work): Promise<Outcome> {
    const backoff = new Backoff({ random: this.#random }, BACKOFF);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await ('series' in work ? this.#update(work.series) : this.#create(work));
        return 'written';
      } catch (error) {
        const retryAfterMs = retryable(error);
        if (retryAfterMs === undefined || attempt === ATTEMPTS || this.#stopped.signal.aborted) {
          return this.#dropped(work, error);
        }
        await this.#clock.sleep(Math.max(backoff.nextMs(), retryAfterMs), this.#stopped.signal).catch(() => undefined);
      }
    }
  }

  async #create({ key, occurrence, epochMs }: Exclude<Work, { readonly series: Series }>): Promise<void> {
    const suffix = this.#random.bytes(SUFFIX_BYTES);
    const body = eventObject(occurrence, { reporter: this.#reporter, epochMs, suffix });
    const path = pathOf(EVENTS, { namespace: eventNamespace(occurrence) });
    await this.#transport.call({ method: 'POST', path, body, ...this.#limits });
    this.#book.made(key, body.metadata.name);
  }

  async #update({ occurrence, eventName, count, lastMs }: Series): Promise<void> {
    const lastEpochMs = this.#clock.epochMs() - (this.#clock.monotonicMs() - lastMs);
    const path = pathOf(EVENTS, { namespace: eventNamespace(occurrence), name: eventName });
    const contentType = 'application/merge-patch+json';
    await this.#transport.call({
      method: 'PATCH',
      path,
      contentType,
      body: seriesPatch({ count, lastEpochMs }),
      ...this.#limits,
    });
  }

  get #limits() {
    return { timeoutMs: WRITE_TIMEOUT_MS, signal: this.#stopped.signal };
  }

  #dropped(work: Work, error: unknown): Outcome {
    // Not made, or no longer there (an hour is all that etcd keeps them): the next occurrence makes a new one.
    this.#book.forget('series' in work ? work.series.key : work.key);
    const forbidden = error instanceof KubeApiError && error.status === 403;
    if (!forbidden) this.#log.debug('an event was dropped', { err: errorText(error) });
    else if (!this.#saidForbidden) {
      this.#saidForbidden = true;
      this.#log.warn('events cannot be written', {
        err: errorText(error),
        hint: 'the role of the service account needs: apiGroups ["events.k8s.io"], resources ["events"], verbs [create, patch]',
      });
    }
    return forbidden ? 'forbidden' : 'failed';
  }

  #count(outcome: Outcome): void {
    this.#outcomes.add({ outcome });
  }
}

/** How long to wait at least; `undefined`: saying it again changes nothing. */
function retryable(error: unknown): number | undefined {
  if (error instanceof KubeUnreachableError) return 0;
  if (!(error instanceof KubeApiError)) return undefined;
  return error.status === 429 || error.status >= 500 ? (error.retryAfterMs ?? 0) : undefined;
}
