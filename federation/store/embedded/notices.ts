import type { FSWatcher } from 'node:fs';
import { closeSync, openSync, watch, writeSync } from 'node:fs';
import type { Clock, Timer } from '../../../runtime/clock.ts';
import { errorText } from '../../../runtime/errors.ts';
import type { Logger } from '../../../runtime/log.ts';

/**
 * Looked for in any case at this interval: file watching misses changes on some file systems, and hints must then come
 * late rather than never.
 */
const POLL_INTERVAL_MS = 500;

/**
 * How processes of one machine tell each other of a write: by writing one octet to a file beside the database, which
 * the others watch. It says nothing but "look", and is only looked at while somebody wants hints.
 */
export class Notices {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #path: string;
  readonly #look: () => void;
  #watcher: FSWatcher | undefined;
  #timer: Timer | undefined;
  #file: number | undefined;
  #following = false;

  constructor(components: { clock: Clock; log: Logger }, init: { path: string; look: () => void }) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#path = init.path;
    this.#look = init.look;
  }

  /** After a write of ours. A failure costs the others latency only. */
  post(): void {
    try {
      this.#file ??= openSync(this.#path, 'w', 0o600);
      writeSync(this.#file, '.', 0);
    } catch (error) {
      this.#log.debug('cannot post a store notice, others find the change by polling', { error: errorText(error) });
      this.#closeFile();
    }
  }

  follow(): void {
    if (this.#following) return;
    this.#following = true;
    this.#watch();
    this.#poll();
  }

  unfollow(): void {
    this.#following = false;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  close(): void {
    this.unfollow();
    this.#closeFile();
  }

  #watch(): void {
    try {
      this.#file ??= openSync(this.#path, 'w', 0o600);
      this.#watcher = watch(this.#path, () => this.#look());
      this.#watcher.on('error', (error) => this.#stopWatching(error));
    } catch (error) {
      this.#stopWatching(error);
    }
  }

  #stopWatching(error: unknown): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#log.warn('cannot watch for store notices, changes are found by polling', {
      file: this.#path,
      intervalMs: POLL_INTERVAL_MS,
      error: errorText(error),
    });
  }

  #poll(): void {
    this.#timer = this.#clock.after(POLL_INTERVAL_MS, () => {
      if (!this.#following) return;
      this.#look();
      this.#poll();
    });
  }

  #closeFile(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
