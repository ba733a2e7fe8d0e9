/** Calls from "a pod" of a cluster: one after the other, or on schedule until they are told to stop. */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** `STATUS BODY`, or `failed: WHY`. */
export type Answer = string;

const TIMEOUT_MS = 10_000;

export class Caller implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 50 });
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  ask(): Promise<Answer> {
    return new Promise((resolve) => {
      const headers = { host: 'web.shop.svc.clusterset.local' };
      const sent = request({ ...this.#place, agent: this.#agent, headers, timeout: TIMEOUT_MS }, (response) => {
        response
          .toArray()
          .then((chunks) => resolve(`${response.statusCode} ${Buffer.concat(chunks as Buffer[]).toString()}`)) // no encoding is set
          .catch((error: unknown) => resolve(`failed: ${String(error)}`));
      });
      sent.once('timeout', () => sent.destroy(new Error('timeout')));
      sent.once('error', (error) => resolve(`failed: ${error.message}`));
      sent.end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

export interface Tally {
  /** How often each answer came. */
  readonly counts: ReadonlyMap<Answer, number>;
  readonly failed: readonly Answer[];
}

/** 100 calls a second, each at its time whatever became of those before. */
export class Traffic implements AsyncDisposable {
  readonly #caller: Caller;
  readonly #isGood: (answer: Answer) => boolean;
  readonly #counts = new Map<Answer, number>();
  readonly #failed: Answer[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #loop: Promise<void>;
  #isOver = false;

  constructor(place: Place, isGood: (answer: Answer) => boolean) {
    this.#caller = new Caller(place);
    this.#isGood = isGood;
    this.#loop = this.#send();
  }

  /** So far. */
  count(answer: Answer): number {
    return this.#counts.get(answer) ?? 0;
  }

  get total(): number {
    return this.#counts.values().reduce((sum, count) => sum + count, 0);
  }

  async stop(): Promise<Tally> {
    this.#isOver = true;
    await this.#loop;
    await Promise.all(this.#running);
    this.#caller[Symbol.dispose]();
    return { counts: this.#counts, failed: this.#failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #send(): Promise<void> {
    const beginMs = performance.now();
    for (let sent = 0; !this.#isOver; sent += 1) {
      const waitMs = beginMs + sent * 10 - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      const call = this.#one().finally(() => this.#running.delete(call));
      this.#running.add(call);
    }
  }

  async #one(): Promise<void> {
    const answer = await this.#caller.ask();
    this.#counts.set(answer, this.count(answer) + 1);
    if (!this.#isGood(answer)) this.#failed.push(`${answer} after ${this.total} calls`);
  }
}
