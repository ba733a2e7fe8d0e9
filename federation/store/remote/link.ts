import type { Clock } from '../../../runtime/clock.ts';
import { Backoff } from '../../../runtime/backoff.ts';
import { errorText } from '../../../runtime/errors.ts';
import type { Logger } from '../../../runtime/log.ts';
import type { GaugeHandle } from '../../../runtime/metrics.ts';
import type { StoreComponents } from '../components.ts';
import { StoreUnavailableError } from '../contract.ts';
import type { StoreAddress } from './address.ts';
import { formatPlace } from './address.ts';
import { Channel } from './channel.ts';
import type { StoreIdentity } from './identity.ts';
import { proofOf } from './identity.ts';
import { fetchPinnedCertificate } from './pinned-certificate.ts';
import { within } from './within.ts';
import { ServerUnreachableError, SessionRefusedError } from './wire-errors.ts';

/** A store that hangs must cost its callers no more than this. */
export const COMMAND_TIMEOUT_MS = 2_000;
const RECONNECT_BACKOFF = { initialMs: 100, maxMs: 5_000 };

/** A channel on which somebody is logged in. */
export interface Connection {
  readonly channel: Channel;
  readonly session: string;
  readonly pin: string;
}

type State =
  | { readonly kind: 'down'; readonly retryAtMs: number; readonly error: unknown }
  | { readonly kind: 'connecting'; readonly attempt: Promise<Connection> }
  | { readonly kind: 'up'; readonly connection: Connection }
  | { readonly kind: 'closed' };

/**
 * The connection to a store server and its login, made when needed and remade when lost. While attempts fail, calls
 * fail at once with the last attempt's error, and only one call per back-off step tries again.
 */
export class Link {
  readonly place: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #up: GaugeHandle;
  readonly #backoff: Backoff;
  readonly #address: StoreAddress;
  readonly #identity: StoreIdentity;
  #state: State = { kind: 'down', retryAtMs: Number.NEGATIVE_INFINITY, error: undefined };

  constructor(components: StoreComponents, init: { address: StoreAddress; identity: StoreIdentity }) {
    this.place = formatPlace(init.address);
    this.#clock = components.clock;
    this.#log = components.log;
    this.#up = components.metrics.gauge('isthmus_store_up', '1 while this process is logged in at the store');
    this.#backoff = new Backoff(components, RECONNECT_BACKOFF);
    this.#address = init.address;
    this.#identity = init.identity;
  }

  /**
   * Runs `work` on the connection. A refused session is renewed and `work` run once more: the server refuses a session
   * before it looks at the call.
   */
  async run<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    const first = await this.connection();
    try {
      return await work(first);
    } catch (error) {
      this.lost(first, error);
      if (!(error instanceof SessionRefusedError)) throw error;
    }
    const second = await this.connection();
    try {
      return await work(second);
    } catch (error) {
      this.lost(second, error);
      throw asUnavailable(error, this.place);
    }
  }

  connection(): Promise<Connection> {
    const state = this.#state;
    switch (state.kind) {
      case 'up':
        return Promise.resolve(state.connection);
      case 'connecting':
        return state.attempt;
      case 'closed':
        return Promise.reject(new StoreUnavailableError('the store is closed'));
      case 'down':
        if (this.#clock.monotonicMs() < state.retryAtMs) return Promise.reject(asUnavailable(state.error, this.place));
        return this.#connect(undefined);
      default:
        return state satisfies never;
    }
  }

  /** To be told of every error on a connection: what it says about the connection is judged here. */
  lost(connection: Connection, error: unknown): void {
    if (this.#state.kind !== 'up' || this.#state.connection !== connection) return;
    if (error instanceof SessionRefusedError) {
      // The channel is fine; a watch on it may go on while the session is renewed.
      this.#connect(connection).catch(() => undefined);
    } else if (error instanceof ServerUnreachableError) {
      this.#log.warn('connection to the store server lost', { place: this.place, error: errorText(error) });
      connection.channel.close();
      this.#up.set(0);
      this.#state = { kind: 'down', retryAtMs: Number.NEGATIVE_INFINITY, error };
    }
  }

  close(): void {
    if (this.#state.kind === 'up') this.#state.connection.channel.close();
    this.#state = { kind: 'closed' };
    this.#up.set(0);
  }

  #connect(previous: Connection | undefined): Promise<Connection> {
    const late = (): Error => new ServerUnreachableError(`the store server at ${this.place} does not answer`);
    const unbounded = this.#attempt(previous);
    const attempt = within(this.#clock, COMMAND_TIMEOUT_MS, unbounded, late);
    // One that succeeds too late belongs to nobody.
    attempt.catch(() => unbounded.then(({ channel }) => channel.close()).catch(() => undefined));
    this.#state = { kind: 'connecting', attempt };
    attempt.then(
      (connection) => this.#connected(connection),
      (error: unknown) => this.#failed(error),
    );
    return attempt;
  }

  async #attempt(previous: Connection | undefined): Promise<Connection> {
    const { channel, pin } = previous ?? (await this.#open());
    try {
      return { channel, pin, session: await this.#login(channel, pin) };
    } catch (error) {
      channel.close();
      throw asUnavailable(error, this.place);
    }
  }

  async #open(): Promise<{ channel: Channel; pin: string }> {
    const components = { clock: this.#clock };
    const pinned = await fetchPinnedCertificate(components, { address: this.#address, timeoutMs: COMMAND_TIMEOUT_MS });
    return { channel: new Channel(components, { address: this.#address, ...pinned }), pin: pinned.pin };
  }

  /** A first call fetches the nonce, the second answers it. */
  async #login(channel: Channel, pin: string): Promise<string> {
    const login = (nonce: Uint8Array | undefined): Promise<{ session: string }> => {
      const proof = proofOf(this.#identity, { address: this.#address, pin, nonce });
      return channel.unary('login', {}, { timeoutMs: COMMAND_TIMEOUT_MS, proof });
    };
    try {
      return (await login(undefined)).session;
    } catch (error) {
      if (!(error instanceof SessionRefusedError) || error.nonce === undefined) throw error;
      return (await login(error.nonce)).session;
    }
  }

  #connected(connection: Connection): void {
    if (this.#state.kind === 'closed') {
      connection.channel.close();
      return;
    }
    this.#backoff.reset();
    this.#up.set(1);
    this.#log.info('logged in at the store server', { place: this.place });
    this.#state = { kind: 'up', connection };
  }

  #failed(error: unknown): void {
    if (this.#state.kind === 'closed') return;
    const delayMs = this.#backoff.nextMs();
    this.#up.set(0);
    this.#log.warn('cannot log in at the store server', {
      place: this.place,
      error: errorText(error),
      retryInMs: delayMs,
    });
    this.#state = { kind: 'down', retryAtMs: this.#clock.monotonicMs() + delayMs, error };
  }
}

/** A refused session is this folder's business: its callers see a store that cannot be used. */
function asUnavailable(error: unknown, place: string): unknown {
  if (!(error instanceof SessionRefusedError)) return error;
  return new StoreUnavailableError(`the store server at ${place} refuses the login: ${error.message}`, {
    cause: error,
  });
}
