import type { AttachResponse } from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { CounterHandle, Metrics } from '../../runtime/metrics.ts';
import type { Snapshot } from '../snapshot.ts';
import { saveLastConfig } from './last-config.ts';

/** Writes what Envoy acknowledged to disk, at its own pace: a hundred endpoint changes a second are one write. */
export interface ConfigKeeperComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly snapshot: () => Snapshot;
}

/** A write of 1,000 services takes about 10 ms of the event loop; this keeps that below 1 %. */
export const SAVE_PAUSE_MS = 2_000;

export class ConfigKeeper {
  readonly #components: ConfigKeeperComponents;
  readonly #path: string;
  readonly #failures: CounterHandle;
  #attached: AttachResponse | undefined;
  #dirty = false;
  #timer: Timer | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(components: ConfigKeeperComponents, init: { path: string }) {
    this.#components = components;
    this.#path = init.path;
    this.#failures = components.metrics.counter(
      'isthmus_cache_write_failed_total',
      'State that could not be written to disk',
      ['file'],
    );
  }

  attached(response: AttachResponse): void {
    this.#attached = response;
    this.changed();
  }

  changed(): void {
    this.#dirty = true;
    if (this.#attached === undefined || this.#timer !== undefined) return;
    this.#timer = this.#components.clock.after(SAVE_PAUSE_MS, () => {
      this.#timer = undefined;
      void this.#save();
    });
  }

  /** Writes what has not been written yet. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#saving;
    await this.#save();
  }

  #save(): Promise<void> {
    const attached = this.#attached;
    if (!this.#dirty || attached === undefined) return Promise.resolve();
    this.#dirty = false;
    const { snapshot, log } = this.#components;
    // One after the other: two writers of one temporary file would mix.
    this.#saving = this.#saving
      .then(() => saveLastConfig(this.#path, { attached, snapshot: snapshot() }))
      .catch((error: unknown) => {
        // The gateway works without it; only a start without the controller would not.
        this.#failures.add({ file: 'last-config' });
        log.error('cannot keep the gateway configuration on disk', { path: this.#path, reason: errorText(error) });
        this.#dirty = true;
      });
    return this.#saving;
  }
}
