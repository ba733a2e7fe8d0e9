import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { Clock, Timer } from '../../../runtime/clock.ts';
import type { Logger } from '../../../runtime/log.ts';

/** Several clusters may sit behind one address of a NAT, each with two replicas and a few CLI calls. */
const CONNECTIONS_PER_ADDRESS_MAX = 64;
const CONNECTIONS_MAX = 2_048;
/** From connection to login: a TLS handshake and two calls, on a bad link. */
const LOGIN_TIME_MS = 10_000;
/** How often a connection without login is looked at, and what it may have sent: handshake, two calls, some slack. */
const INSPECT_INTERVAL_MS = 500;
const BYTES_BEFORE_LOGIN_MAX = 128 * 1024;

interface Guest {
  readonly socket: Socket;
  readonly arrivedAtMs: number;
  timer: Timer | undefined;
}

/**
 * Accepts connections and bounds what strangers can hold: how many connections, for how long and with how many bytes
 * before one of them has logged in. TLS and HTTP/2 are the business of whoever takes the socket.
 */
export class Listener {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #take: (socket: Socket) => void;
  readonly #server: Server;
  readonly #guests = new Map<string, Guest>();
  readonly #perAddress = new Map<string, number>();

  constructor(components: { clock: Clock; log: Logger }, init: { take: (socket: Socket) => void }) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#take = init.take;
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
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

  /** Takes no more connections and ends the ones it has. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const { socket } of this.#guests.values()) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const { remoteAddress = '', remotePort } = socket;
    const fromThere = (this.#perAddress.get(remoteAddress) ?? 0) + 1;
    // Reset by peer and the like: the HTTP/2 session above hears of it too, an unheard `error` would end the process.
    socket.on('error', () => socket.destroy());
    if (fromThere > CONNECTIONS_PER_ADDRESS_MAX) {
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
    this.#take(socket);
  }

  #inspectLater(guest: Guest): void {
    guest.timer = this.#clock.after(INSPECT_INTERVAL_MS, () => {
      const isLate = this.#clock.monotonicMs() - guest.arrivedAtMs > LOGIN_TIME_MS;
      if (!isLate && guest.socket.bytesRead <= BYTES_BEFORE_LOGIN_MAX) {
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
