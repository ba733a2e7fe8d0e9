import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP relay that counts: what a reader costs on the wire, TLS and framing included, in both directions. */
export class CountingProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets: Set<Socket>;
  readonly #counted: { down: number; up: number };

  private constructor(
    server: ReturnType<typeof createServer>,
    state: { readonly sockets: Set<Socket>; readonly counted: { down: number; up: number } },
  ) {
    this.#server = server;
    this.#sockets = state.sockets;
    this.#counted = state.counted;
    // A TCP server has an address of this form once it listens.
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<CountingProxy> {
    const sockets = new Set<Socket>();
    const counted = { down: 0, up: 0 };
    const server = createServer({ noDelay: true }, (near) => {
      const far = connect({ ...target, noDelay: true });
      for (const [from, to, way] of [[near, far, 'up'] as const, [far, near, 'down'] as const]) {
        sockets.add(from);
        from.on('data', (chunk) => {
          counted[way] += chunk.length;
        });
        from.on('error', () => to.destroy());
        from.on('close', () => {
          sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    return new CountingProxy(server, { sockets, counted });
  }

  /** `down`: from the store to the reader. */
  get bytes(): { readonly down: number; readonly up: number } {
    return { ...this.#counted };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
