import type { ClusterId, ServiceKey } from '../../federation/model/ids.ts';
import type { Store } from '../../federation/store/contract.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { FilesSource } from '../../sources/files.ts';
import type { Roster } from '../../trust/contract.ts';
import type { Engine } from '../engine.ts';
import type { GatewayDesk } from '../gateway-desk.ts';
import { predecessorView } from './predecessor.ts';

/**
 * Between taking the office and the first word as leader. What the replicas cannot have found out alike by themselves is
 * taken over, so that nothing changes for the other clusters but the writer: since when services are exported (the oldest
 * export decides conflicts, and each replica saw them at a moment of its own), and which endpoints are dead.
 */
export interface HandoverComponents {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly source: Pick<FilesSource, 'adoptFirstSeen'>;
  readonly desk: Pick<GatewayDesk, 'heard'>;
  readonly engine: Pick<Engine, 'world' | 'settle'>;
}

export interface HandoverInit {
  readonly cluster: ClusterId;
  readonly roster: () => Roster;
  readonly hasGateways: boolean;
}

/** A gateway reports at its start and within 5 s; a longer silence than this would make our own head stale. */
const HEALTH_WAIT_MS = 2_000;

export class Handover {
  readonly #components: HandoverComponents;
  readonly #init: HandoverInit;

  constructor(components: HandoverComponents, init: HandoverInit) {
    this.#components = components;
    this.#init = init;
  }

  /** @throws the signal's reason */
  async untilKnown(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#adoptExportTimes(signal), this.#untilHealthKnown(signal)]);
    this.#components.engine.settle();
  }

  async #adoptExportTimes(signal: AbortSignal): Promise<void> {
    const { source, log } = this.#components;
    const { cluster, roster } = this.#init;
    try {
      const view = await predecessorView(this.#components, { cluster, roster: roster(), signal });
      if (view === undefined) return;
      const times = [...view.services].map(([key, { exportedAtMs }]): [ServiceKey, number] => [key, exportedAtMs]);
      await source.adoptFirstSeen(new Map(times));
    } catch (error) {
      signal.throwIfAborted();
      log.warn('what the leader before published could not be read', { error: errorText(error) });
    }
  }

  /** A new leader must not call endpoints ready of which the one before it knew that they are dead. */
  async #untilHealthKnown(signal: AbortSignal): Promise<void> {
    const { engine, desk, clock } = this.#components;
    const checked = [...engine.world.local.services.values()].some(({ healthCheck }) => healthCheck !== undefined);
    if (!checked || !this.#init.hasGateways) return;
    await Promise.race([desk.heard, clock.sleep(HEALTH_WAIT_MS, signal)]);
  }
}
