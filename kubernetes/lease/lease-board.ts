import {
  type Lease,
  type LeaseBoard,
  STORE_LIMITS,
  StoreLimitError,
  StoreRefusedError,
} from '../../federation/store/contract.ts';
import type { Clock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { LEASES, pathOf } from '../api/resources.ts';
import { KubeApiError, type KubeTransport } from '../api/transport.ts';
import { FIELD_MANAGER } from '../names.ts';
import { leaseToWrite, readLease, type StoredLease, type WantedLease } from './lease-object.ts';
import { expiresAtMs, isFree, observe, type ObservedLease, transitionsFor } from './observed-lease.ts';

/**
 * Leases on the API server. Every write names the version that it is built on, so of two that try at once one is refused;
 * when a lease is over each replica judges by itself (`observed-lease.ts`). As everywhere, a lease only makes the replicas
 * agree: what keeps a paused leader out is the epoch in its heads, which `transitions` feeds.
 */
export interface KubeLeaseBoardComponents {
  readonly transport: KubeTransport;
  readonly clock: Clock;
}

export interface KubeLeaseBoardInit {
  readonly namespace: string;
  /** Name of the object for the name of a lease. */
  readonly objectName: (lease: string) => string;
}

/** Each attempt that fails means that another replica wrote just then; there are few of them. */
const ATTEMPTS_MAX = 10;

export class LeaseContendedError extends IsthmusError {
  constructor(name: string) {
    super('lease-contended', `the Lease ${name} was changed by others at each of ${ATTEMPTS_MAX} attempts`, {
      fields: { name },
    });
  }
}

/** What this process knows of one lease. */
interface Known {
  readonly observed: ObservedLease | undefined;
  /** Absent when there is no object, or when another one wrote since. */
  readonly stored: StoredLease | undefined;
}

type Where = { readonly namespace: string; readonly name: string };

export class KubeLeaseBoard implements LeaseBoard {
  readonly #components: KubeLeaseBoardComponents;
  readonly #init: KubeLeaseBoardInit;
  /** By object name; as many as the caller has leases, which is one. */
  readonly #known = new Map<string, Known>();

  constructor(components: KubeLeaseBoardComponents, init: KubeLeaseBoardInit) {
    this.#components = components;
    this.#init = init;
  }

  /** @throws KubeApiError, KubeUnreachableError: then nothing is known of the lease */
  async acquire(name: string, holder: string, ttlMs: number): Promise<Lease> {
    checkAttempt(name, holder, ttlMs);
    const where = this.#where(name);
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const { observed, stored } = this.#ownLease(where, holder) ?? (await this.#look(where));
      const nowMs = this.#nowMs();
      if (observed !== undefined && !isFree(observed, holder, nowMs)) return describe(observed, nowMs);
      const wanted = { holder, ttlMs, transitions: transitionsFor(observed, holder) };
      const written = await this.#write(where, wanted, stored);
      if (written !== undefined) return describe(written, this.#nowMs());
    }
    throw new LeaseContendedError(where.name);
  }

  async release(name: string, holder: string): Promise<void> {
    const where = this.#where(name);
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const { observed, stored } = this.#ownLease(where, holder) ?? (await this.#look(where));
      if (observed === undefined || stored === undefined || observed.claim.holder !== holder) return;
      const released = { holder: '', ttlMs: observed.claim.durationMs, transitions: observed.claim.transitions };
      if ((await this.#write(where, released, stored)) !== undefined) return;
    }
    throw new LeaseContendedError(where.name);
  }

  /** A holder renews on what it wrote last: one call, and the server says when another one wrote since. */
  #ownLease({ name }: Where, holder: string): Known | undefined {
    const known = this.#known.get(name);
    return known?.stored !== undefined && known.stored.claim.holder === holder ? known : undefined;
  }

  async #look(where: Where): Promise<Known> {
    const before = this.#known.get(where.name)?.observed;
    const stored = await this.#read(where);
    const observed = stored === undefined ? before : observe(before, stored.claim, this.#nowMs());
    const known = { observed, stored };
    this.#known.set(where.name, known);
    return known;
  }

  async #read(where: Where): Promise<StoredLease | undefined> {
    try {
      return readLease(await this.#components.transport.call({ method: 'GET', path: pathOf(LEASES, where) }));
    } catch (error) {
      if (error instanceof KubeApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Undefined when another one was faster. */
  async #write(
    where: Where,
    wanted: Omit<WantedLease, 'nowMs'>,
    base: StoredLease | undefined,
  ): Promise<ObservedLease | undefined> {
    const { transport, clock } = this.#components;
    const { namespace } = where;
    try {
      const answer = await transport.call({
        method: base === undefined ? 'POST' : 'PUT',
        path: pathOf(LEASES, base === undefined ? { namespace } : where),
        query: { fieldManager: FIELD_MANAGER },
        body: leaseToWrite(where, { ...wanted, nowMs: clock.epochMs() }, base),
      });
      const stored = readLease(answer);
      const observed = { claim: stored.claim, seenAtMs: this.#nowMs() };
      this.#known.set(where.name, { observed, stored });
      return observed;
    } catch (error) {
      // Whether it was written is not known unless the server says so: the next attempt looks.
      this.#known.set(where.name, { observed: this.#known.get(where.name)?.observed, stored: undefined });
      const isBeaten = base === undefined ? ['AlreadyExists'] : ['Conflict', 'NotFound'];
      if (error instanceof KubeApiError && isBeaten.includes(error.reason)) return undefined;
      throw error;
    }
  }

  #where(name: string): Where {
    return { namespace: this.#init.namespace, name: this.#init.objectName(name) };
  }

  #nowMs(): number {
    return this.#components.clock.monotonicMs();
  }
}

function describe(observed: ObservedLease, nowMs: number): Lease {
  const { holder = '', transitions } = observed.claim;
  return { holder, transitions, expiresInMs: Math.max(0, expiresAtMs(observed) - nowMs) };
}

function checkAttempt(name: string, holder: string, ttlMs: number): void {
  for (const [what, value] of Object.entries({ 'lease name': name, 'lease holder': holder })) {
    if (value === '') throw new StoreRefusedError(`${what} is empty`);
    const bytes = Buffer.byteLength(value);
    if (bytes > STORE_LIMITS.nameBytesMax)
      throw new StoreLimitError(`${what} in bytes`, bytes, STORE_LIMITS.nameBytesMax);
  }
  if (!(ttlMs > 0)) throw new StoreRefusedError('the duration of a lease is not above 0');
  if (ttlMs > STORE_LIMITS.leaseTtlMsMax) {
    throw new StoreLimitError('duration of a lease in ms', ttlMs, STORE_LIMITS.leaseTtlMsMax);
  }
}
