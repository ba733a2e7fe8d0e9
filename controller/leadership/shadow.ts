import type { Engine } from '../engine.ts';
import { readPorts } from '../ports-file.ts';
import { EpochWatch, type EpochWatchComponents, type EpochWatchInit } from './epoch-watch.ts';

/**
 * What a replica that follows learns of its leader, so that a change of leader changes nothing for anybody else: which
 * gateway ports it gave out, and which epoch it writes with. All else it knows by itself, from the same sources.
 */
export interface ShadowComponents extends EpochWatchComponents {
  readonly engine: Pick<Engine, 'derived' | 'update' | 'settle'>;
}

export interface ShadowInit extends EpochWatchInit {
  /** Path of the leader's table. */
  readonly ports: string;
}

export class Shadow {
  readonly #engine: ShadowComponents['engine'];
  readonly #ports: string;
  readonly #epochs: EpochWatch;

  constructor(components: ShadowComponents, init: ShadowInit) {
    this.#engine = components.engine;
    this.#ports = init.ports;
    this.#epochs = new EpochWatch(components, init);
  }

  /** Resolves when the ports are those of the leader. The epoch may take longer: whoever takes the office asks again. */
  async learn(): Promise<void> {
    void this.#epochs.look();
    const ports = await readPorts(this.#ports);
    if (ports === undefined) return;
    const known = this.#engine.derived.ports;
    if ([...ports].every(([service, port]) => known.get(service) === port)) return;
    this.#engine.update({ ports });
    this.#engine.settle();
  }
}
