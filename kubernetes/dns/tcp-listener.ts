/** DNS over TCP, RFC 7766: many questions on a connection, and a bound on what a connection may hold. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { DnsMetrics } from './metrics.ts';
import { framed, TcpFrames } from './tcp-frames.ts';

/** CoreDNS keeps a handful to each of its upstreams; a few replicas of it are all the clients there are. */
const CONNECTIONS_MAX = 256;
/**
 * From one whole question to the next. RFC 7766 section 6.2.3 wants seconds; CoreDNS lets go of an idle connection after 10.
 * Octets that make no question do not count, or a trickle could hold a connection for ever.
 */
const IDLE_MS = 15_000;

export interface TcpListenerComponents {
  readonly clock: Clock;
  readonly metrics: DnsMetrics;
  readonly answer: (message: Uint8Array) => Uint8Array | undefined;
}

export class TcpListener {
  readonly #components: TcpListenerComponents;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(components: TcpListenerComponents) {
    this.#components = components;
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on('drop', () => components.metrics.dropped('connections'));
  }

  /** The port it has. @throws the system's error */
  async listen(place: { readonly address: string; readonly port: number }): Promise<number> {
    this.#server.listen({ host: place.address, port: place.port });
    await once(this.#server, 'listening'); // rejects with `error`
    return (this.#server.address() as AddressInfo).port; // what a TCP server has once it listens
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await closed;
  }

  #serve(socket: Socket): void {
    const frames = new TcpFrames();
    /** Whole, and not answered yet. No more than one read of the socket brings, because nothing is read meanwhile. */
    const waiting: Buffer[] = [];
    let idle = this.#armed(socket);
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // `close` follows
    socket.on('close', () => {
      idle.cancel();
      this.#sockets.delete(socket);
    });
    socket.on('data', (chunk) => {
      const messages = frames.push(chunk);
      if (messages === 'too-long') {
        this.#components.metrics.dropped('frame-too-long');
        socket.destroy();
        return;
      }
      if (messages.length === 0) return;
      idle.cancel();
      idle = this.#armed(socket);
      waiting.push(...messages);
      this.#answer(socket, waiting);
    });
    socket.on('drain', () => this.#answer(socket, waiting));
  }

  /**
   * As many as the socket has room for, because a read holds a thousand questions, and an answer up to 64 KiB. Whoever asks
   * without taking the answers is not read from meanwhile; the idle time still runs.
   */
  #answer(socket: Socket, waiting: Buffer[]): void {
    while (!socket.writableNeedDrain) {
      const message = waiting.shift();
      if (message === undefined) {
        socket.resume();
        return;
      }
      const bytes = this.#components.answer(message);
      // RFC 7766 section 5: after nonsense nothing that follows can be trusted to begin where it seems to.
      if (bytes === undefined) {
        socket.destroy();
        return;
      }
      socket.write(framed(bytes));
    }
    socket.pause();
  }

  #armed(socket: Socket): Timer {
    return this.#components.clock.after(IDLE_MS, () => socket.destroy());
  }
}
