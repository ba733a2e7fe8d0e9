import { errorText } from '../../runtime/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';

/** Whether one store answers, as edges: a state that lasts is told once. */
export interface StoreLinkComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface StoreLinkInit {
  readonly store: string;
  readonly onUp: () => void;
  readonly onDown: (message: string) => void;
}

export interface LinkStatus {
  /** `unknown`: not asked yet, or not answered yet. */
  readonly state: 'unknown' | 'up' | 'down';
  /** Why it is down. */
  readonly message?: string | undefined;
  /** Monotonic ms. */
  readonly sinceMs: number;
}

export class StoreLink {
  readonly #components: StoreLinkComponents;
  readonly #init: StoreLinkInit;
  #status: LinkStatus;

  constructor(components: StoreLinkComponents, init: StoreLinkInit) {
    this.#components = components;
    this.#init = init;
    this.#status = { state: 'unknown', sinceMs: components.clock.monotonicMs() };
  }

  get status(): LinkStatus {
    return this.#status;
  }

  answered(): void {
    const { state } = this.#status;
    if (state === 'up') return;
    if (state === 'down') this.#components.log.info('the store answers again', { store: this.#init.store });
    this.#enter('up', undefined);
    this.#init.onUp();
  }

  failed(error: unknown): void {
    const message = errorText(error);
    if (this.#status.state === 'down') {
      this.#status = { ...this.#status, message };
      return;
    }
    const { store } = this.#init;
    this.#components.log.warn('the store is out of reach, the last good state stays', { store, error: message });
    this.#enter('down', message);
    this.#init.onDown(message);
  }

  #enter(state: 'up' | 'down', message: string | undefined): void {
    this.#status = { state, message, sinceMs: this.#components.clock.monotonicMs() };
    this.#components.metrics
      .gauge('isthmus_store_link_up', '1 while this store of the list answers', ['store'])
      .set(state === 'up' ? 1 : 0, { store: this.#init.store });
  }
}
