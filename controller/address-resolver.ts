import type { Clock, Timer } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import { KeyedQueue } from '../runtime/keyed-queue.ts';
import type { Logger } from '../runtime/log.ts';
import { compareText } from '../federation/model/ids.ts';

/**
 * Gateways may be published by host name (cloud load balancers have nothing else). The controller resolves them, because
 * Envoy would dial whatever its resolver says: here every answer passes the address rules first, and the last good
 * answer is kept when a resolver fails or answers with nothing usable. Each name is asked by itself: one whose servers
 * hang delays no other.
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
/** The system's resolver holds one of node's four I/O threads while it waits; the others are for the disk. */
const LOOKUPS_MAX = 2;

export class AddressResolver {
  readonly #components: AddressResolverComponents;
  readonly #init: AddressResolverInit;
  readonly #lookups: KeyedQueue;
  #wanted: ReadonlySet<string> = new Set();
  #known: ReadonlyMap<string, readonly string[]> = new Map();
  #timer: Timer | undefined;
  #closed = false;

  constructor(components: AddressResolverComponents, init: AddressResolverInit) {
    this.#components = components;
    this.#init = init;
    this.#lookups = new KeyedQueue((host) => this.#resolve(host), {
      concurrency: LOOKUPS_MAX,
      maxKeys: HOSTS_MAX,
      onError: (host, error) => this.#failed(host, error),
    });
  }

  /** The host names that gateways are published by now. New ones are resolved at once, others are forgotten. */
  want(hosts: Iterable<string>): void {
    if (this.#closed) return;
    const before = this.#wanted;
    this.#wanted = new Set([...new Set(hosts)].sort(compareText).slice(0, HOSTS_MAX));
    for (const host of this.#wanted) if (!before.has(host)) this.#lookups.mark(host);
    this.#keep(new Map([...this.#known].filter(([host]) => this.#wanted.has(host))));
    if (this.#wanted.size > 0) this.#timer ??= this.#components.clock.after(REFRESH_MS, () => this.#refresh());
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#lookups.clear();
  }

  #refresh(): void {
    for (const host of this.#wanted) this.#lookups.mark(host);
    this.#timer = this.#wanted.size === 0 ? undefined : this.#components.clock.after(REFRESH_MS, () => this.#refresh());
  }

  async #resolve(host: string): Promise<void> {
    if (!this.#wanted.has(host)) return;
    const answer = [...new Set(await this.#components.lookup(host))].sort(compareText).slice(0, ADDRESSES_MAX);
    const usable = answer.filter((address) => this.#isUsable(host, address));
    if (usable.length === 0 || !this.#wanted.has(host)) return;
    const hosts = [...this.#known.keys(), host].sort(compareText);
    this.#keep(new Map(hosts.map((one) => [one, one === host ? usable : (this.#known.get(one) ?? [])] as const)));
  }

  #keep(next: ReadonlyMap<string, readonly string[]>): void {
    if (this.#closed || sameAnswers(next, this.#known)) return;
    this.#known = next;
    this.#init.onChange(next);
  }

  #failed(host: string, error: unknown): void {
    if (this.#closed) return;
    this.#components.log.warn('a gateway host name could not be resolved, the last answer is kept', {
      host,
      error: errorText(error),
    });
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
