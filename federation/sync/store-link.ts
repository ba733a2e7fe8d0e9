import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';

/** Whether the store answers, as edges: a state that lasts is told once. */
export interface StoreLinkComponents {
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface StoreLinkInit {
  readonly onUp: () => void;
  readonly onDown: (message: string) => void;
}

export class StoreLink {
  readonly #components: StoreLinkComponents;
  readonly #init: StoreLinkInit;
  #state: 'unknown' | 'up' | 'down' = 'unknown';

  constructor(components: StoreLinkComponents, init: StoreLinkInit) {
    this.#components = components;
    this.#init = init;
  }

  answered(): void {
    if (this.#state === 'up') return;
    if (this.#state === 'down') this.#components.log.info('the store answers again');
    this.#enter('up');
    this.#init.onUp();
  }

  failed(error: unknown): void {
    if (this.#state === 'down') return;
    const message = errorText(error);
    this.#components.log.warn('the store is out of reach, the last good state stays', { error: message });
    this.#enter('down');
    this.#init.onDown(message);
  }

  #enter(state: 'up' | 'down'): void {
    this.#state = state;
    this.#components.metrics.gauge('isthmus_store_up', '1 while the store answers').set(state === 'up' ? 1 : 0);
  }
}
