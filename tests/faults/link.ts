/**
 * The wire between a site and a store, as a TCP relay on the loopback that can be cut, made silent, slowed and pointed at
 * another server: what networks do, for tests without root.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * `flowing`: bytes pass. `silent`: connections stay open and take bytes, nothing arrives (a lost NAT entry, a DROP
 * rule). `refused`: open ones are reset, new ones too.
 */
export type LinkState = 'flowing' | 'silent' | 'refused';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Nothing the server says reaches the client any more. */
  deaf: boolean;
}

export class Link implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  #target: { readonly host: string; readonly port: number };
  #state: LinkState = 'flowing';
  /** Bytes that the server's side may send each second; undefined: as many as there are. */
  #bytesPerSecond: number | undefined;
  readonly #subscribers = new WeakSet<Pair>();
  #deafenNext = false;
  /** Bytes from servers to the site so far. */
  received = 0;
  /** Connections that the site has opened so far. */
  opened = 0;

  private constructor(listener: Server, target: { host: string; port: number }) {
    this.#listener = listener;
    this.#target = target;
    // A server that listens on TCP has such an address.
    this.port = (listener.address() as AddressInfo).port;
    listener.on('connection', (client) => this.#connected(client));
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<Link> {
    const listener = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve));
    return new Link(listener, target);
  }

  /** New connections go there; open ones stay where they are. */
  pointTo(target: { readonly host: string; readonly port: number }): void {
    this.#target = target;
  }

  set(state: LinkState): void {
    this.#state = state;
    for (const pair of this.#pairs) {
      if (state === 'refused') this.#end(pair);
      else this.#flow(pair);
    }
  }

  /** Open connections are forgotten by the network for good, as by a NAT that lost its table; new ones work. */
  forget(): void {
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  /** Every open connection is reset. */
  reset(): void {
    for (const pair of this.#pairs) this.#end(pair);
  }

  slowTo(bytesPerSecond: number | undefined): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Open connections that have subscribed hear nothing more, while everything else works: pub/sub that is silently dead. */
  deafenSubscribers(): void {
    for (const pair of this.#pairs) if (this.#subscribers.has(pair)) pair.deaf = true;
    this.#deafenNext = true;
  }

  hearAgain(): void {
    this.#deafenNext = false;
    for (const pair of this.#pairs) if (pair.deaf) this.#end(pair);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reset();
    await new Promise<void>((resolve) => void this.#listener.close(() => resolve()));
  }

  #connected(client: Socket): void {
    this.opened += 1;
    if (this.#state === 'refused') {
      client.resetAndDestroy();
      return;
    }
    const server = createConnection({ ...this.#target, allowHalfOpen: true });
    const pair: Pair = { client, server, deaf: false };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (bytes: Buffer) => this.#toServer(pair, bytes));
    server.on('data', (bytes: Buffer) => this.#toClient(pair, bytes));
    for (const socket of [client, server]) {
      socket.on('error', () => this.#end(pair));
      socket.on('close', () => this.#end(pair));
    }
    client.on('end', () => server.end());
    server.on('end', () => client.end());
    this.#flow(pair);
  }

  #toServer(pair: Pair, bytes: Buffer): void {
    if (bytes.includes('SUBSCRIBE') || bytes.includes('subscribe')) {
      this.#subscribers.add(pair);
      pair.deaf = this.#deafenNext;
    }
    pair.server.write(bytes);
  }

  #toClient(pair: Pair, bytes: Buffer): void {
    this.received += bytes.length;
    if (pair.deaf) return;
    if (this.#bytesPerSecond === undefined) pair.client.write(bytes);
    else this.#drip(pair, bytes, this.#bytesPerSecond);
  }

  /** One second's worth at a time. Only for a test's handful of connections. */
  #drip(pair: Pair, bytes: Buffer, bytesPerSecond: number): void {
    pair.server.pause();
    let at = 0;
    const next = (): void => {
      if (pair.client.destroyed) return;
      pair.client.write(bytes.subarray(at, at + bytesPerSecond));
      at += bytesPerSecond;
      if (at < bytes.length) setTimeout(next, 1_000);
      else pair.server.resume();
    };
    next();
  }

  #flow({ client, server }: Pair): void {
    for (const socket of [client, server]) {
      if (this.#state === 'silent') socket.pause();
      else socket.resume();
    }
  }

  #end(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.client.resetAndDestroy();
    pair.server.destroy();
  }
}
