import { Backoff } from '../../../runtime/backoff.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { errorText } from '../../../runtime/errors.ts';
import type { Logger } from '../../../runtime/log.ts';
import type { CounterHandle } from '../../../runtime/metrics.ts';
import type { Random } from '../../../runtime/random.ts';
import type { StoreComponents } from '../components.ts';
import type { Hint } from '../contract.ts';
import type { RedisConnection } from './connection.ts';
import { COMMAND_TIMEOUT_MS } from './connection.ts';
import { decodeNotice } from './notice-frame.ts';
import { accepted } from './reply.ts';
import type { Routing } from './routing.ts';

const SUBSCRIBE_BACKOFF = { initialMs: 100, maxMs: 3_000 };
/** A subscriber that hears nothing may have been forgotten by its server: it is asked this often. */
const PING_INTERVAL_MS = 2_000;
const PING_ANSWER = { bytesMax: 256 * 1024, timeoutMs: COMMAND_TIMEOUT_MS };

/**
 * Listens on the clusterset's channel, on a connection of its own, for as long as somebody reads hints. Messages that are
 * published while it is away are lost for good, so every beginning tells `gap`.
 */
export class Notices {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #routing: Routing;
  readonly #channel: string;
  readonly #push: (hint: Hint) => void;
  readonly #gaps: CounterHandle;
  #listening: AbortController | undefined;
  #isSubscribed = false;

  constructor(
    components: StoreComponents & { routing: Routing },
    init: { channel: string; push: (hint: Hint) => void },
  ) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#log = components.log;
    this.#routing = components.routing;
    this.#channel = init.channel;
    this.#push = init.push;
    this.#gaps = components.metrics.counter('isthmus_store_notice_gaps_total', 'Times that hints may have been missed');
  }

  /** What this process writes before then has to be told to its readers by other means. */
  get isSubscribed(): boolean {
    return this.#isSubscribed;
  }

  start(): void {
    if (this.#listening !== undefined) return;
    this.#listening = new AbortController();
    void this.#listenUntil(this.#listening.signal);
  }

  stop(): void {
    this.#listening?.abort();
    this.#listening = undefined;
  }

  async #listenUntil(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ random: this.#random }, SUBSCRIBE_BACKOFF);
    while (!signal.aborted) {
      try {
        await this.#listen(signal, backoff);
      } catch (error) {
        this.#log.debug('hints of the store interrupted', { error: errorText(error) });
      }
      await this.#clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  async #listen(signal: AbortSignal, backoff: Backoff): Promise<void> {
    const node = await this.#routing.nodeForNotices();
    let connection: RedisConnection;
    try {
      connection = await node.dialForNotices();
    } catch (error) {
      this.#routing.suspect(node);
      throw error;
    }
    const stop = (): void => connection.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (signal.aborted) return;
      connection.onMessage = (message) => this.#heard(message);
      await connection.subscribe(this.#channel);
      this.#isSubscribed = true;
      this.#gaps.add();
      this.#push({ kind: 'gap' });
      await this.#keepAsking(connection, signal, backoff);
    } finally {
      this.#isSubscribed = false;
      signal.removeEventListener('abort', stop);
      connection.close();
    }
  }

  async #keepAsking(connection: RedisConnection, signal: AbortSignal, backoff: Backoff): Promise<void> {
    const lost = new AbortController();
    connection.onClose = (reason) => lost.abort(reason);
    while (!signal.aborted && connection.isOpen) {
      await this.#clock.sleep(PING_INTERVAL_MS, lost.signal);
      accepted(await connection.call([['ping']], PING_ANSWER));
      backoff.reset();
    }
  }

  #heard(message: Buffer): void {
    const hint = decodeNotice(message);
    // What is no notice of ours says nothing, and cannot be kept from coming.
    if (hint !== undefined) this.#push(hint);
  }
}
