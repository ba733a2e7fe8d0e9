import type { Clock, Timer } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { compareText } from '../federation/model/ids.ts';

/**
 * Gateways may be published by host name (cloud load balancers have nothing else). The controller resolves them, because
 * Envoy would dial whatever its resolver says: here every answer passes the address rules first, and the last good
 * answer is kept when a resolver fails or answers with nothing usable.
 */
export interface AddressResolverComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly lookup: (host: string) => Promise<readonly string[]>;
}

export interface AddressResolverInit {
  /** The reason why an address may not be used, or undefined. */
  readonly refuse: (address: string) => string | undefined;
  readonly onChange: (addresses: ReadonlyMap<string, readonly string[]>) => void;
}

/** Load balancers change addresses within a minute; asking more often gains nothing. */
const REFRESH_MS = 15_000;
const ADDRESSES_MAX = 16;
const HOSTS_MAX = 4_096;

export class AddressResolver {
  readonly #components: AddressResolverComponents;
  readonly #init: AddressResolverInit;
  #wanted: readonly string[] = [];
  #known: ReadonlyMap<string, readonly string[]> = new Map();
  #timer: Timer | undefined;
  #closed = false;

  constructor(components: AddressResolverComponents, init: AddressResolverInit) {
    this.#components = components;
    this.#init = init;
  }

  /** The host names that gateways are published by now. New ones are resolved at once. */
  want(hosts: Iterable<string>): void {
    const wanted = [...new Set(hosts)].sort(compareText).slice(0, HOSTS_MAX);
    if (wanted.length === this.#wanted.length && wanted.every((host, index) => host === this.#wanted[index])) return;
    this.#wanted = wanted;
    void this.#refresh();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #refresh(): Promise<void> {
    this.#timer?.cancel();
    const answers = await Promise.all(this.#wanted.map(async (host) => [host, await this.#resolve(host)] as const));
    if (this.#closed) return;
    const next = new Map(answers.filter(([, addresses]) => addresses.length > 0));
    if (!sameAnswers(next, this.#known)) {
      this.#known = next;
      this.#init.onChange(next);
    }
    if (this.#wanted.length > 0) {
      this.#timer = this.#components.clock.after(REFRESH_MS, () => void this.#refresh());
    }
  }

  async #resolve(host: string): Promise<readonly string[]> {
    const last = this.#known.get(host) ?? [];
    try {
      const answer = [...new Set(await this.#components.lookup(host))].sort(compareText).slice(0, ADDRESSES_MAX);
      const usable = answer.filter((address) => this.#isUsable(host, address));
      return usable.length > 0 ? usable : last;
    } catch (error) {
      this.#components.log.warn('a gateway host name could not be resolved, the last answer is kept', {
        host,
        error: errorText(error),
      });
      return last;
    }
  }

  #isUsable(host: string, address: string): boolean {
    const reason = this.#init.refuse(address);
    if (reason !== undefined) {
      this.#components.log.warn('a gateway host name resolves to an address that may not be used', { host, reason });
    }
    return reason === undefined;
  }
}

function sameAnswers(
  left: ReadonlyMap<string, readonly string[]>,
  right: ReadonlyMap<string, readonly string[]>,
): boolean {
  return (
    left.size === right.size && [...left].every(([host, addresses]) => right.get(host)?.join() === addresses.join())
  );
}
