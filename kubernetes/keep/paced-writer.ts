import type { Clock } from '../../runtime/clock.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';

/**
 * Writes the newest value at most once in `everyMs`, the first one at once. What fails is tried again until it works, with
 * whatever is newest by then; who cannot go on before it is written says `flush`.
 */
export interface PacedWriterComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Writes what is newest when it is called. */
  readonly write: () => Promise<void>;
}

export interface PacedWriterInit {
  /** For the log. */
  readonly what: string;
  readonly everyMs: number;
}

const TRY_AGAIN = { initialMs: 500, maxMs: 10_000 };

export class PacedWriter {
  readonly #components: PacedWriterComponents;
  readonly #init: PacedWriterInit;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #isMarked = false;
  #running: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(components: PacedWriterComponents, init: PacedWriterInit) {
    this.#components = components;
    this.#init = init;
    this.#backoff = new Backoff(components, TRY_AGAIN);
  }

  /** There is something new. */
  mark(): void {
    if (this.#stop.signal.aborted) return;
    this.#isMarked = true;
    this.#start();
  }

  /** Writes now, whatever the pace. @throws what the write throws; it is tried again all the same */
  async flush(): Promise<void> {
    this.#isMarked = true;
    try {
      await this.#write();
    } catch (error) {
      this.#start();
      throw error;
    }
  }

  /** Ends the pace and the repetitions. What is still new is tried once more. */
  async close(): Promise<void> {
    this.#stop.abort(new IsthmusError('closed', 'the writer closes'));
    await this.#running;
    if (this.#isMarked) await this.#write().catch((error: unknown) => this.#failed(error));
  }

  #start(): void {
    if (this.#stop.signal.aborted) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // Marked after the last look and before this.
      if (this.#isMarked) this.#start();
    });
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock } = this.#components;
    const { signal } = this.#stop;
    while (this.#isMarked && !signal.aborted) {
      let pauseMs = this.#init.everyMs;
      try {
        await this.#write();
        this.#backoff.reset();
      } catch (error) {
        this.#failed(error);
        pauseMs = Math.max(pauseMs, this.#backoff.nextMs());
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined); // only close() aborts it
    }
  }

  /** One at a time. */
  #write(): Promise<void> {
    const written = this.#writing.then(async () => {
      if (!this.#isMarked) return;
      this.#isMarked = false;
      try {
        await this.#components.write();
      } catch (error) {
        this.#isMarked = true;
        throw error;
      }
    });
    this.#writing = written.catch(() => undefined); // whoever waits for it hears of it
    return written;
  }

  /** Once for each time of trouble. */
  #failed(error: unknown): void {
    if (this.#backoff.failures > 0) return;
    this.#components.log.warn('could not be kept on the API server, will try again', {
      what: this.#init.what,
      error: errorText(error),
    });
  }
}
