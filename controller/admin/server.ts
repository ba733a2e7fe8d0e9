import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Answer, Routes, Surface } from './routes.ts';
import { clearStaleSocket, listenPrivately } from './unix-socket.ts';

/**
 * The controller's own small HTTP server: a 0600 unix socket for everything, and TCP ports for probes and scrapers. It
 * takes no bodies and bounds what a caller can make it do; what changes something is asked by POST.
 */
export interface AdminServerInit {
  readonly routes: Routes;
  /** `STATE-DIR/admin.sock`. Absent: no unix socket. */
  readonly socketPath?: string | undefined;
  /** Absent: no TCP port. Port 0: any free one. The same address for both is one port with both. */
  readonly health?: TcpAddress | undefined;
  readonly metrics?: TcpAddress | undefined;
}

export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

/** An answer that takes longer is of no use to a probe, and must not pile up. */
const ANSWER_TIMEOUT_MS = 5_000;
/** A client that sends its few header lines more slowly than this is broken or hostile. */
const REQUEST_TIMEOUT_MS = 5_000;
const HEADER_BYTES_MAX = 8 * 1024;
/** Per listener. A probe, a scraper and a few shells need less. */
const CONNECTIONS_MAX = 64;
/** How often node looks for connections over their time-out. */
const TIMEOUT_CHECK_INTERVAL_MS = 1_000;

export class AdminServer {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #init: AdminServerInit;
  readonly #servers: Server[] = [];
  #healthPort: number | undefined;
  #metricsPort: number | undefined;

  constructor(components: { clock: Clock; log: Logger }, init: AdminServerInit) {
    this.#clock = components.clock;
    this.#log = components.log.child({ component: 'admin' });
    this.#init = init;
  }

  /** The port that was bound, for an address given with port 0. */
  get healthPort(): number | undefined {
    return this.#healthPort;
  }

  get metricsPort(): number | undefined {
    return this.#metricsPort;
  }

  /** Rejects when another controller owns the socket or an address is in use; then nothing is left listening. */
  async start(): Promise<void> {
    const { health, metrics, socketPath } = this.#init;
    try {
      if (socketPath !== undefined) {
        await clearStaleSocket(socketPath);
        await listenPrivately(this.#serve(['socket']), socketPath);
      }
      const shared = health !== undefined && metrics !== undefined && sameAddress(health, metrics);
      if (health !== undefined)
        this.#healthPort = await this.#listenTcp(health, shared ? ['health', 'metrics'] : ['health']);
      if (shared) this.#metricsPort = this.#healthPort;
      else if (metrics !== undefined) this.#metricsPort = await this.#listenTcp(metrics, ['metrics']);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Stops accepting, ends idle connections, and lets answers in flight finish within their time-out. */
  async close(): Promise<void> {
    const closing = this.#servers.splice(0).map(async (server) => {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeIdleConnections();
      const timer = this.#clock.after(ANSWER_TIMEOUT_MS, () => server.closeAllConnections());
      await closed;
      timer.cancel();
    });
    await Promise.all(closing);
  }

  #serve(surfaces: readonly Surface[]): Server {
    const options = {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    };
    const server = createServer(options, (request, response) => {
      void this.#answer(surfaces, request, response);
    });
    server.maxConnections = CONNECTIONS_MAX;
    this.#servers.push(server);
    return server;
  }

  async #listenTcp(address: TcpAddress, surfaces: readonly Surface[]): Promise<number> {
    const server = this.#serve(surfaces);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(new AdminListenError(`${address.host}:${address.port}`, cause)));
      server.listen(address.port, address.host, resolve);
    });
    // A TCP server's address is an object; only unix sockets have text.
    return (server.address() as AddressInfo).port;
  }

  async #answer(surfaces: readonly Surface[], request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that goes away in the middle is its own business.
    response.on('error', (error) => this.#log.debug('client went away', { err: errorText(error) }));
    const answer = await this.#choose(surfaces, request);
    response.writeHead(answer.status, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(answer.allow === undefined ? {} : { allow: answer.allow }),
      // What follows a body that nobody reads would be taken for the next request.
      ...(answer.status >= 400 && answer.status !== 503 ? { connection: 'close' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  async #choose(surfaces: readonly Surface[], request: IncomingMessage): Promise<Answer> {
    if (hasBody(request)) return plainAnswer(413, 'no body is read here');
    const [path = '/', query] = (request.url ?? '/').split('?', 2);
    const { routes } = this.#init;
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route === undefined || !route.surfaces.some((surface) => surfaces.includes(surface))) {
      return plainAnswer(404, `nothing is here; known: ${this.#paths(surfaces).join(' ')}`);
    }
    const methods = route.method === undefined ? ['GET', 'HEAD'] : [route.method];
    if (!methods.includes(request.method ?? '')) {
      return { ...plainAnswer(405, `only ${methods[0]} is answered here`), allow: methods.join(', ') };
    }
    try {
      return await this.#inTime(async () => route.answer(new URLSearchParams(query)));
    } catch (error) {
      this.#log.error('request failed', { path, err: errorText(error) });
      return plainAnswer(500, 'the answer could not be made, see the log');
    }
  }

  #paths(surfaces: readonly Surface[]): string[] {
    const known = Object.entries(this.#init.routes).filter(([, route]) =>
      route.surfaces.some((one) => surfaces.includes(one)),
    );
    return known.map(([path]) => path).toSorted();
  }

  #inTime(work: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(ANSWER_TIMEOUT_MS, () => resolve(plainAnswer(503, 'the answer took too long')));
      work()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }
}

/** A POST without a body says so by a length of 0. */
function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'] ?? '0';
  return length !== '0' || headers['transfer-encoding'] !== undefined;
}

function plainAnswer(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}

function sameAddress(left: TcpAddress, right: TcpAddress): boolean {
  return left.host === right.host && left.port === right.port && left.port !== 0;
}

export class AdminListenError extends IsthmusError {
  constructor(address: string, cause: unknown) {
    super('admin-listen', `cannot listen on ${address}: ${errorText(cause)}`, {
      cause,
      fields: { address },
      hint: 'set spec.listen of the Site, or ISTHMUS_HEALTH_LISTEN and ISTHMUS_METRICS_LISTEN, to a free address or off',
    });
  }
}
