import { isIP } from 'node:net';
import { compareText } from '../../federation/model/ids.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { ControllerTarget } from './controller-target.ts';

/**
 * Where the controllers of this site listen on other hosts. A name may stand for several (a headless Service has one
 * address a replica), and they move: names are looked up again while the gateway runs, and the last answer is kept when
 * nobody answers.
 */
export interface ControllerPlace {
  /** A DNS name or an IP address. */
  readonly host: string;
  readonly port: number;
}

export interface ControllerNamesComponents {
  readonly clock: Clock;
  readonly log: Logger;
  /** All addresses of a name. */
  readonly lookup: (host: string) => Promise<readonly string[]>;
}

/** Replicas that moved are found within the time that a lease takes to pass on. */
export const LOOK_AGAIN_MS = 2_000;
/** Far above the replicas that anybody runs; bounds what one attempt costs. */
const ADDRESSES_MAX = 16;

export class ControllerNames {
  readonly #components: ControllerNamesComponents;
  readonly #places: readonly ControllerPlace[];
  readonly #found = new Map<string, readonly string[]>();
  readonly #failed = new Set<string>();
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  constructor(components: ControllerNamesComponents, init: { readonly places: readonly ControllerPlace[] }) {
    this.#components = components;
    this.#places = init.places;
  }

  /** As far as they are known, sorted within a name. Looks again, in the background, when the last look is old. */
  targets(): readonly ControllerTarget[] {
    if (this.#components.clock.monotonicMs() - this.#lookedAtMs >= LOOK_AGAIN_MS) void this.look();
    return this.#places.flatMap(({ host, port }) => {
      const addresses = isIP(host) === 0 ? (this.#found.get(host) ?? []) : [host];
      return addresses.map((address): ControllerTarget => ({ kind: 'tls', address, port }));
    });
  }

  /** Never rejects. One look at a time: a resolver that hangs is waited for. */
  look(): Promise<void> {
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#looking = undefined;
      this.#lookedAtMs = this.#components.clock.monotonicMs();
    });
    return this.#looking;
  }

  async #lookAtAll(): Promise<void> {
    const names = new Set(this.#places.map(({ host }) => host).filter((host) => isIP(host) === 0));
    await Promise.all([...names].map((name) => this.#lookAt(name)));
  }

  async #lookAt(name: string): Promise<void> {
    try {
      const addresses = [...new Set(await this.#components.lookup(name))].filter((address) => isIP(address) !== 0);
      if (addresses.length === 0) return;
      this.#found.set(name, addresses.sort(compareText).slice(0, ADDRESSES_MAX));
      this.#failed.delete(name);
    } catch (error) {
      if (this.#failed.has(name)) return;
      this.#failed.add(name);
      this.#components.log.warn('the name of the controller is not resolved: what was known is kept', {
        name,
        reason: errorText(error),
      });
    }
  }
}
