import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';

/**
 * The store server of a site whose controller has several replicas on one host: the one that gets the port serves, the
 * others wait for it. All serve the same file under the same key, so that clients find the server they know.
 */
export interface StandbyStoreServerComponents {
  readonly clock: Clock;
  readonly log: Logger;
}

export interface StandbyStoreServerInit {
  readonly address: string;
  readonly port: number;
  readonly serve: () => Promise<{ close(): Promise<void> }>;
}

/** Whoever has the port ends: clients of the store try again for longer than that. */
const LOOK_EVERY_MS = 500;

export class StandbyStoreServer {
  readonly #components: StandbyStoreServerComponents;
  readonly #init: StandbyStoreServerInit;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #served: { close(): Promise<void> } | undefined;

  constructor(components: StandbyStoreServerComponents, init: StandbyStoreServerInit) {
    this.#components = components;
    this.#init = init;
    this.#running = this.#untilServing();
  }

  async close(): Promise<void> {
    this.#stop.abort(new IsthmusError('closed', 'the store server stops'));
    await this.#running;
    await this.#served?.close();
  }

  /** Never rejects. */
  async #untilServing(): Promise<void> {
    const { clock, log } = this.#components;
    const { signal } = this.#stop;
    let said = '';
    while (!signal.aborted) {
      try {
        if (await this.#isFree()) {
          this.#served = await this.#init.serve();
          return;
        }
        if (said === '') log.info('another replica serves the store, this one stands by', { port: this.#init.port });
        said = 'standby';
      } catch (error) {
        const text = errorText(error);
        if (text !== said) log.warn('the store cannot be served yet, will try again', { error: text });
        said = text;
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined); // only close() aborts it
    }
  }

  /** Asked by binding: a connection would look like a client to whoever has it. */
  async #isFree(): Promise<boolean> {
    const { address: host, port } = this.#init;
    const probe = createServer();
    try {
      probe.listen({ host, port });
      await once(probe, 'listening');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
      throw error;
    }
    probe.close();
    await once(probe, 'close');
    return true;
  }
}
