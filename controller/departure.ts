import type { Clock } from '../runtime/clock.ts';
import { IsthmusError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { openPrivateFile, replacePrivateFile } from '../trust/private-file.ts';
import { basename, dirname } from 'node:path';
import type { Engine } from './engine.ts';
import type { Writer } from './writer.ts';

/**
 * The end of a cluster's life in its clusterset: one last signed version that says goodbye and has no gateways or services.
 * Others let the cluster go when they read it; the authority takes it off the roster. Written down first, so that a
 * controller that is started again goes on saying goodbye and never exports anything in between.
 */
export interface DepartureComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly engine: Pick<Engine, 'update' | 'settle'>;
  readonly writer: Pick<Writer, 'publisher'>;
}

export interface Departed {
  /** Version of the goodbye. */
  readonly version: number;
  /** By store: whether it has the goodbye. One is enough for those who read it. */
  readonly stores: readonly { readonly store: string; readonly published: boolean }[];
}

export class DepartureError extends IsthmusError {
  constructor(message: string, hint: string) {
    super('leave', message, { hint });
  }
}

const LOOK_EVERY_MS = 50;
/** A commit takes milliseconds; a store that is away may come back within a few seconds. */
const GOODBYE_WAIT_MS = 10_000;

export class Departure {
  readonly #components: DepartureComponents;
  readonly #path: string;

  /** @param init.path of the note in the state folder that outlives the process */
  constructor(components: DepartureComponents, init: { readonly path: string }) {
    this.#components = components;
    this.#path = init.path;
  }

  /** @throws DepartureError when no store took the goodbye in time; it is said as soon as one does */
  async leave(): Promise<Departed> {
    const { engine, log, writer } = this.#components;
    if (writer.publisher === undefined) {
      throw new DepartureError('this controller does not write for its cluster now', 'ask the replica that leads');
    }
    await replacePrivateFile(dirname(this.#path), basename(this.#path), 'goodbye\n');
    engine.update({ leaving: true });
    engine.settle();
    const departed = await this.#untilPublished();
    log.info('this cluster said goodbye to its clusterset', { version: departed.version });
    return departed;
  }

  async #untilPublished(): Promise<Departed> {
    const { clock, writer } = this.#components;
    const untilMs = clock.monotonicMs() + GOODBYE_WAIT_MS;
    for (;;) {
      const status = writer.publisher?.status;
      if (status !== undefined && !status.pending && status.order !== undefined) {
        const stores = status.stores.map(({ store, pending }) => ({ store, published: !pending }));
        return { version: status.order.version, stores };
      }
      if (clock.monotonicMs() >= untilMs) {
        const why = status?.lastError ?? 'it does not write now';
        throw new DepartureError(
          `no store has the goodbye yet: ${why}`,
          'keep this controller running: it says goodbye as soon as a store answers',
        );
      }
      await clock.sleep(LOOK_EVERY_MS);
    }
  }
}

/** Whether this cluster has left, or was about to when its controller ended. */
export async function isDeparting(path: string): Promise<boolean> {
  const file = await openPrivateFile(path, 0);
  await file?.close();
  return file !== undefined;
}
