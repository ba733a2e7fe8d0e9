import { Backoff } from '../../../runtime/backoff.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../../runtime/errors.ts';
import type { Logger } from '../../../runtime/log.ts';
import type { StoreComponents } from '../components.ts';
import { StoreUnavailableError } from '../contract.ts';
import type { RedisConnection } from './connection.ts';
import { ConnectionLostError } from './reply.ts';

/** A hundred controllers with six connections each are some 250 attempts a second at a server that comes back. */
const RECONNECT_BACKOFF = { initialMs: 100, maxMs: 3_000 };

type State =
  | { readonly kind: 'down'; readonly retryAtMs: number; readonly error: unknown }
  | { readonly kind: 'connecting'; readonly attempt: Promise<RedisConnection> }
  | { readonly kind: 'up'; readonly connection: RedisConnection }
  | { readonly kind: 'closed' };

export interface LinkInit {
  /** For logs: no secret is in it. */
  readonly name: string;
  readonly dial: () => Promise<RedisConnection>;
  /** Each time that a connection has been made. */
  readonly onUp?: (() => void) | undefined;
}

/**
 * A connection that is made when needed and made anew when lost. While attempts fail, calls fail at once with the last
 * attempt's error, and one call per back-off step tries again.
 */
export class Link {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #dial: () => Promise<RedisConnection>;
  readonly #onUp: () => void;
  readonly #backoff: Backoff;
  #state: State = { kind: 'down', retryAtMs: Number.NEGATIVE_INFINITY, error: undefined };

  constructor(components: Pick<StoreComponents, 'clock' | 'random' | 'log'>, init: LinkInit) {
    this.#name = init.name;
    this.#clock = components.clock;
    this.#log = components.log;
    this.#dial = init.dial;
    this.#onUp = init.onUp ?? ((): void => undefined);
    this.#backoff = new Backoff(components, RECONNECT_BACKOFF);
  }

  connection(): Promise<RedisConnection> {
    const state = this.#state;
    switch (state.kind) {
      case 'up':
        return Promise.resolve(state.connection);
      case 'connecting':
        return state.attempt;
      case 'closed':
        // Of a node that is none any more: whoever waited for its turn here asks again who has taken its place.
        return Promise.reject(new ConnectionLostError(`${this.#name} was given up`, { isOurs: false }));
      case 'down':
        if (this.#clock.monotonicMs() < state.retryAtMs) return Promise.reject(state.error);
        return this.#connect();
      default:
        return state satisfies never;
    }
  }

  /** Runs `work` on the connection. One that has answered has earned a quick second attempt when it is lost. */
  async run<Result>(work: (connection: RedisConnection) => Promise<Result>): Promise<Result> {
    const connection = await this.connection();
    const result = await work(connection);
    this.#backoff.reset();
    return result;
  }

  /** The server was seen to answer: the next call tries again at once. */
  hope(): void {
    if (this.#state.kind === 'down') this.#state = { ...this.#state, retryAtMs: Number.NEGATIVE_INFINITY };
  }

  /** The next call connects anew: to another server, or with another login. */
  drop(reason: unknown): void {
    if (this.#state.kind === 'up') this.#state.connection.close(reason);
  }

  /** As `drop`, but what carries an answer at present proves by that that it lives, or ends by its own time-out. */
  dropIdle(reason: unknown): void {
    if (this.#state.kind === 'up' && this.#state.connection.isIdle) this.#state.connection.close(reason);
  }

  close(): void {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'up') state.connection.close();
  }

  #connect(): Promise<RedisConnection> {
    const attempt = this.#dial();
    this.#state = { kind: 'connecting', attempt };
    attempt.then(
      (connection) => this.#connected(connection),
      (error: unknown) => this.#failed(error),
    );
    return attempt;
  }

  #connected(connection: RedisConnection): void {
    if (this.#state.kind === 'closed') {
      connection.close();
      return;
    }
    if (!connection.isOpen) {
      this.#failed(new StoreUnavailableError(`${connection.place} closes the connection`));
      return;
    }
    if (this.#backoff.failures > 1) this.#log.info('connected to the store again', { link: this.#name });
    connection.onClose = (reason) => this.#lost(connection, reason);
    this.#state = { kind: 'up', connection };
    this.#onUp();
  }

  #lost(connection: RedisConnection, error: unknown): void {
    if (this.#state.kind !== 'up' || this.#state.connection !== connection) return;
    this.#log.debug('connection to the store lost', { link: this.#name, error: errorText(error) });
    // One that is lost before it was of any use is a failed attempt, and so is one that does not answer.
    const isFailure = this.#backoff.failures > 0 || (error instanceof ConnectionLostError && error.isOurs);
    const retryAtMs = isFailure ? this.#clock.monotonicMs() + this.#backoff.nextMs() : Number.NEGATIVE_INFINITY;
    this.#state = { kind: 'down', retryAtMs, error: asUnavailable(error) };
  }

  #failed(error: unknown): void {
    if (this.#state.kind === 'closed') return;
    const retryInMs = Math.round(this.#backoff.nextMs());
    const fields = { link: this.#name, error: errorText(error), retryInMs };
    if (this.#backoff.failures === 1) this.#log.warn('cannot connect to the store', fields);
    else this.#log.debug('cannot connect to the store', fields);
    this.#state = { kind: 'down', retryAtMs: this.#clock.monotonicMs() + retryInMs, error };
  }
}

function asUnavailable(error: unknown): unknown {
  if (error instanceof IsthmusError) return error;
  return new StoreUnavailableError(errorText(error), { hint: 'does the server run, and is the way to it open?' });
}
