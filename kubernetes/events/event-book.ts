/**
 * Which of many occurrences become Events of the cluster. Something that goes wrong goes wrong a thousand times, and etcd
 * keeps every Event for an hour: the same thing about the same object is one Event with a count (`series`, events.k8s.io/v1),
 * and one object can have only so many. Pure: time comes with each call.
 */
export interface Regarding {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent of cluster-scoped objects. */
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
}

export interface Occurrence {
  readonly regarding: Regarding;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase; of a condition: its reason. */
  readonly reason: string;
  /** What was done or tried, CamelCase, e.g. `Publish`. */
  readonly action: string;
  /** In the past tense, for people. The first of a series stays. */
  readonly note: string;
}

export interface Series {
  readonly key: string;
  readonly occurrence: Occurrence;
  /** Of the Event object; absent until it was made. */
  readonly eventName: string | undefined;
  readonly count: number;
  readonly lastMs: number;
}

/** The same again within this time after the last one belongs to the same Event. */
export const SERIES_WINDOW_MS = 10 * 60_000;
/** The count of a series is written at most so often. */
export const SERIES_UPDATE_MS = 60_000;
/** Series that are remembered: the oldest is forgotten, and begins anew when it happens again. */
export const MAX_SERIES = 1_000;
/** Events of one object: so many at once, then one in so long. */
export const OBJECT_BURST = 10;
export const OBJECT_REFILL_MS = 60_000;

interface Entry {
  readonly occurrence: Occurrence;
  eventName: string | undefined;
  count: number;
  toldCount: number;
  lastMs: number;
  nextUpdateMs: number;
}

interface Allowance {
  left: number;
  sinceMs: number;
}

export type Verdict = 'new' | 'repeated' | 'too-many';

export class EventBook {
  /** In the order of their last occurrence, the oldest first. */
  readonly #series = new Map<string, Entry>();
  readonly #allowances = new Map<string, Allowance>();

  /** `new`: an Event is to be made of it. */
  note(occurrence: Occurrence, nowMs: number): { readonly verdict: Verdict; readonly key: string } {
    this.#forgetOld(nowMs);
    const key = keyOf(occurrence);
    const known = this.#series.get(key);
    if (known !== undefined) {
      this.#series.delete(key);
      this.#series.set(key, { ...known, count: known.count + 1, lastMs: nowMs });
      return { verdict: 'repeated', key };
    }
    if (!this.#allowed(objectOf(occurrence), nowMs)) return { verdict: 'too-many', key };
    const fresh = {
      eventName: undefined,
      count: 1,
      toldCount: 1,
      lastMs: nowMs,
      nextUpdateMs: nowMs + SERIES_UPDATE_MS,
    };
    this.#series.set(key, { occurrence, ...fresh });
    if (this.#series.size > MAX_SERIES) this.#series.delete(this.#series.keys().next().value ?? key);
    return { verdict: 'new', key };
  }

  /** The Event object of a series exists. */
  made(key: string, eventName: string): void {
    const entry = this.#series.get(key);
    if (entry !== undefined) entry.eventName = eventName;
  }

  /** There is no Event of it, or no longer: the next occurrence makes one. */
  forget(key: string): void {
    this.#series.delete(key);
  }

  /** Series whose count is to be written now; they count as written. */
  takeDue(nowMs: number): readonly Series[] {
    const due: Series[] = [];
    for (const [key, entry] of this.#series) {
      const { occurrence, eventName, count, lastMs } = entry;
      if (eventName === undefined || count === entry.toldCount || nowMs < entry.nextUpdateMs) continue;
      entry.toldCount = count;
      entry.nextUpdateMs = nowMs + SERIES_UPDATE_MS;
      due.push({ key, occurrence, eventName, count, lastMs });
    }
    return due;
  }

  /** When `takeDue` may have something; `undefined`: not before another occurrence. */
  get nextDueMs(): number | undefined {
    let next: number | undefined;
    for (const { count, toldCount, nextUpdateMs } of this.#series.values()) {
      if (count !== toldCount) next = Math.min(next ?? nextUpdateMs, nextUpdateMs);
    }
    return next;
  }

  #forgetOld(nowMs: number): void {
    for (const [key, { lastMs, count, toldCount }] of this.#series) {
      if (nowMs - lastMs < SERIES_WINDOW_MS) break;
      if (count === toldCount) this.#series.delete(key);
    }
  }

  #allowed(object: string, nowMs: number): boolean {
    const { left, sinceMs } = this.#allowances.get(object) ?? { left: OBJECT_BURST, sinceMs: nowMs };
    const refilled = Math.floor((nowMs - sinceMs) / OBJECT_REFILL_MS);
    const have = Math.min(OBJECT_BURST, left + refilled);
    if (have === 0) return false;
    this.#allowances.delete(object);
    this.#allowances.set(object, {
      left: have - 1,
      sinceMs: refilled === 0 ? sinceMs : sinceMs + refilled * OBJECT_REFILL_MS,
    });
    if (this.#allowances.size > MAX_SERIES) this.#allowances.delete(this.#allowances.keys().next().value ?? object);
    return true;
  }
}

function objectOf({ regarding }: Occurrence): string {
  const { apiVersion, kind, namespace = '', name, uid = '' } = regarding;
  return [apiVersion, kind, namespace, name, uid].join(' ');
}

function keyOf(occurrence: Occurrence): string {
  return [objectOf(occurrence), occurrence.type, occurrence.reason, occurrence.action].join(' ');
}
