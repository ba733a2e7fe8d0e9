/** What kube-proxy, a load balancer and the cluster's DNS are to a Service without a selector: one address in front of its slice. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { EndpointSliceObject } from '../../../kubernetes/api/objects.ts';
import { ENDPOINT_SLICES } from '../../../kubernetes/api/resources.ts';
import type { TestClient } from '../client.ts';
import type { Named } from '../objects.ts';
import type { Place } from './traffic.ts';

export class ServiceProxy implements AsyncDisposable {
  readonly #admin: TestClient;
  readonly #slice: Named;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(admin: TestClient, slice: Named) {
    this.#admin = admin;
    this.#slice = slice;
    this.#server = createServer((socket) => void this.#forward(socket));
  }

  static async start(admin: TestClient, slice: Named, { host, port }: Place): Promise<ServiceProxy> {
    const proxy = new ServiceProxy(admin, slice);
    proxy.#server.listen(port, host);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** To where the slice says at this moment. */
  async #forward(socket: Socket): Promise<void> {
    this.#keep(socket);
    const slice = await this.#admin.get<EndpointSliceObject>(ENDPOINT_SLICES, this.#slice).catch(() => undefined);
    const host = slice?.endpoints?.[0]?.addresses[0];
    const port = slice?.ports?.[0]?.port;
    if (host === undefined || typeof port !== 'number' || socket.destroyed) {
      socket.destroy();
      return;
    }
    const behind = this.#keep(connect(port, host));
    for (const [one, other] of [
      [socket, behind],
      [behind, socket],
    ] as const) {
      one.pipe(other);
      one.once('close', () => other.destroy());
    }
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // its end is told by `close`
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
