import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { Clock, Timer } from './clock.ts';
import type { Logger } from './log.ts';

/** Every limit is the caller's: who its guests are decides what is much. */
export interface GuestLimits {
  /** Several may sit behind one address of a NAT. */
  readonly connectionsPerAddressMax: number;
  readonly connectionsMax: number;
  /** From connection to login, ms. */
  readonly loginTimeMs: number;
  /** What a connection may have sent before it has logged in: a handshake, the calls of a login, some slack. */
  readonly bytesBeforeLoginMax: number;
}

export interface GuestListenerInit extends GuestLimits {
  readonly take: (socket: Socket) => void;
}

/** How often a connection without login is looked at. */
const INSPECT_INTERVAL_MS = 500;

interface Guest {
  readonly socket: Socket;
  readonly arrivedAtMs: number;
  timer: Timer | undefined;
}

/**
 * Accepts connections and bounds what strangers can hold: how many connections, for how long and with how many bytes
 * before one of them has logged in. TLS and HTTP/2 are the business of whoever takes the socket.
 */
export class GuestListener {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #init: GuestListenerInit;
  readonly #server: Server;
  readonly #guests = new Map<string, Guest>();
  readonly #perAddress = new Map<string, number>();

  constructor(components: { clock: Clock; log: Logger }, init: GuestListenerInit) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#init = init;
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = init.connectionsMax;
  }

  /** Resolves with the port, which was chosen by the system when it was given as 0. */
  listen(place: { readonly address: string; readonly port: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: place.address, port: place.port, backlog: 128 }, () => {
        this.#server.off('error', reject);
        // A TCP server has an address of this form once it listens.
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** A caller on this connection has proven who it is. */
  confirm(address: string | undefined, port: number | undefined): void {
    const guest = this.#guests.get(keyOf(address, port));
    guest?.timer?.cancel();
    if (guest !== undefined) guest.timer = undefined;
  }

  /** Takes no more connections; those that are there go on. */
  stop(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Takes no more connections and ends the ones it has. */
  async close(): Promise<void> {
    // It says `close` when it takes no more and the last connection is over.
    const closed = this.#server.listening || this.#guests.size > 0 ? once(this.#server, 'close') : undefined;
    this.stop();
    for (const { socket } of this.#guests.values()) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const { remoteAddress = '', remotePort } = socket;
    const fromThere = (this.#perAddress.get(remoteAddress) ?? 0) + 1;
    // Reset by peer and the like: the HTTP/2 session above hears of it too, an unheard `error` would end the process.
    socket.on('error', () => socket.destroy());
    if (fromThere > this.#init.connectionsPerAddressMax) {
      this.#log.warn('connection refused: too many from one address', { remoteAddress, connections: fromThere });
      socket.destroy();
      return;
    }
    const key = keyOf(remoteAddress, remotePort);
    const guest: Guest = { socket, arrivedAtMs: this.#clock.monotonicMs(), timer: undefined };
    this.#perAddress.set(remoteAddress, fromThere);
    this.#guests.set(key, guest);
    socket.once('close', () => this.#forget(key, guest, remoteAddress));
    this.#inspectLater(guest);
    this.#init.take(socket);
  }

  #inspectLater(guest: Guest): void {
    const { loginTimeMs, bytesBeforeLoginMax } = this.#init;
    guest.timer = this.#clock.after(INSPECT_INTERVAL_MS, () => {
      const isLate = this.#clock.monotonicMs() - guest.arrivedAtMs > loginTimeMs;
      if (!isLate && guest.socket.bytesRead <= bytesBeforeLoginMax) {
        this.#inspectLater(guest);
        return;
      }
      const { remoteAddress, bytesRead } = guest.socket;
      this.#log.info('connection closed: no login', { remoteAddress, bytesRead });
      guest.socket.destroy();
    });
  }

  #forget(key: string, guest: Guest, address: string): void {
    guest.timer?.cancel();
    this.#guests.delete(key);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }
}

function keyOf(address: string | undefined, port: number | undefined): string {
  return `${address} ${port}`;
}
