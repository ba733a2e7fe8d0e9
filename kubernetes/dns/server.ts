/**
 * Answers `clusterset.local` for clusters whose CoreDNS cannot: over UDP and TCP on one port, from the zone as it is at the
 * time of the question. It never asks anybody else, so it has nothing that could be poisoned or used against others.
 */
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { DnsMetrics } from './metrics.ts';
import { respond } from './respond.ts';
import { TcpListener } from './tcp-listener.ts';
import { UdpListener } from './udp-listener.ts';
import type { Zone } from './zone.ts';

export interface DnsServerComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Undefined while it is not known: answered with SERVFAIL. */
  readonly zone: () => Zone | undefined;
}

export interface DnsServerInit {
  /** Of this machine; `::` for both families. */
  readonly address: string;
  /** 0: a free one, the same for UDP and TCP. */
  readonly port: number;
}

/** A port that is free for TCP may be taken for UDP; both are wanted. */
const PORT_ATTEMPTS = 20;

export class DnsServer implements AsyncDisposable {
  readonly #components: DnsServerComponents;
  readonly #init: DnsServerInit;
  readonly #metrics: DnsMetrics;
  #udp: UdpListener;
  #tcp: TcpListener;
  #port = 0;
  #turn = 0;

  constructor(components: DnsServerComponents, init: DnsServerInit) {
    this.#components = components;
    this.#init = init;
    this.#metrics = new DnsMetrics(components.metrics);
    this.#udp = this.#newUdp();
    this.#tcp = this.#newTcp();
  }

  /** 0 before `start`. */
  get port(): number {
    return this.#port;
  }

  /** Resolves when both listen. @throws the system's error, EADDRINUSE for one */
  async start(): Promise<void> {
    const { address, port } = this.#init;
    for (let attempt = 1; ; attempt += 1) {
      this.#port = await this.#tcp.listen({ address, port });
      try {
        await this.#udp.listen({ address, port: this.#port });
        break;
      } catch (error) {
        await this.#tcp.close();
        if (port !== 0 || attempt === PORT_ATTEMPTS) throw error;
        this.#tcp = this.#newTcp();
        this.#udp = this.#newUdp();
      }
    }
    this.#components.log.info('dns listens', { address, port: this.#port });
  }

  async stop(): Promise<void> {
    await Promise.all([this.#udp.close(), this.#tcp.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #newUdp(): UdpListener {
    const { log } = this.#components;
    return new UdpListener({ log, metrics: this.#metrics, answer: (message) => this.#answer(message, 'udp') });
  }

  #newTcp(): TcpListener {
    const { clock } = this.#components;
    return new TcpListener({ clock, metrics: this.#metrics, answer: (message) => this.#answer(message, 'tcp') });
  }

  #answer(message: Uint8Array, transport: 'udp' | 'tcp'): Uint8Array | undefined {
    const { clock, log, zone } = this.#components;
    const startedMs = clock.monotonicMs();
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER;
    try {
      const reply = respond(zone(), message, { transport, turn: this.#turn });
      if (reply !== undefined) this.#metrics.answered(transport, reply, clock.monotonicMs() - startedMs);
      return reply?.bytes;
    } catch (error) {
      // A mistake of ours in one answer shall not take the server away from everybody else.
      log.error('dns answer failed', { error: errorText(error) });
      return undefined;
    }
  }
}
