/** What stands behind the gateways: living applications, addresses where nobody listens, and two bad applications. */
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import type { Backend } from '../envoy/backend.ts';

export interface Pod {
  readonly address: string;
  readonly http: number;
  readonly tcp: number;
}

/** Nothing listens on the discard port of these loopback addresses: connections are refused at once. */
const NOBODY = 9;

export function deadPods(count: number): readonly Pod[] {
  return Array.from({ length: count }, (_, index) => ({
    address: `127.0.0.${index + 91}`,
    http: NOBODY,
    tcp: NOBODY,
  }));
}

export function podOf(backend: Backend): Pod {
  return { address: '127.0.0.1', http: backend.ports.http, tcp: backend.ports.tcp };
}

/** Takes a request and dies with it: whether it ran is unknown to the caller. */
export class ResettingPod implements AsyncDisposable {
  readonly pod: Pod;
  readonly #server: Server;
  readonly #requests: { count: number };

  private constructor(server: Server, port: number, requests: { count: number }) {
    this.#server = server;
    this.#requests = requests;
    this.pod = { address: '127.0.0.1', http: port, tcp: port };
  }

  static async start(): Promise<ResettingPod> {
    const requests = { count: 0 };
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        requests.count += 1;
        socket.destroy();
      });
    });
    return new ResettingPod(server, await listen(server), requests);
  }

  get requests(): number {
    return this.#requests.count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Fails its health check and answers everything else: it must not be asked. */
export class SickPod implements AsyncDisposable {
  readonly pod: Pod;
  readonly #server: ReturnType<typeof createHttpServer>;

  private constructor(server: ReturnType<typeof createHttpServer>, port: number) {
    this.#server = server;
    this.pod = { address: '127.0.0.1', http: port, tcp: port };
  }

  static async start(): Promise<SickPod> {
    const server = createHttpServer((request, response) => {
      response.writeHead(request.url === '/health' ? 503 : 200).end('sick\n');
    });
    return new SickPod(server, await listen(server));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  // Of a server that listens on a port.
  return (server.address() as AddressInfo).port;
}
