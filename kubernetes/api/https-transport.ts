/**
 * Requests to an API server over kept connections of HTTP/1.1: calls with a time-out and a limit on the answer, watches
 * as lines with back-pressure (the socket is read only as fast as the lines are taken). Who we are comes from
 * `Credentials`, anew for each request, because tokens are replaced while we run.
 */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import { linesOf } from './lines.ts';
import { RequestGuard, StaleConnectionError } from './request-guard.ts';
import { apiErrorOf } from './status.ts';
import { KubeApiError, type KubeRequest, type KubeTransport, KubeUnreachableError } from './transport.ts';

/** For a whole answer; also for the first byte of a stream. API servers give up on a request after 60 s. */
export const CALL_TIMEOUT_MS = 30_000;
/** Of one answer: a page of 500 objects of 100 KiB each. A list that is larger is asked for in smaller pages. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Of one line: etcd takes 1.5 MiB for an object, and JSON is longer than what is stored. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;
/** `reason` of the error for an answer beyond `MAX_ANSWER_BYTES`. */
export const ANSWER_TOO_LARGE = 'AnswerTooLarge';

/** An error answer is a Status: a proxy that sends a page of HTML instead is cut short. */
const MAX_ERROR_BYTES = 256 * 1024;
/** Probes of the TCP connection: a watch over a dead path ends even if no byte is due. */
const TCP_KEEP_ALIVE_MS = 30_000;
/** Watches hold one each and callers limit what they do at once: more than this is a leak. */
const MAX_SOCKETS = 256;
const MAX_IDLE_SOCKETS = 16;

/** Where the server is and who we are there, for one request. */
export interface Identity {
  readonly server: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** TLS, basic authentication, and the agent of a proxy. */
  readonly options: Omit<RequestOptions, 'headers'>;
}

export interface Credentials {
  /** @throws when a file of them cannot be read */
  current(): Promise<Identity>;
  /** The server did not accept them: forget what was read and read it again. */
  reload(): void;
}

interface Exchange {
  readonly answer: IncomingMessage;
  /** From now on the whole exchange may last as long as it likes. */
  opened(): void;
  end(): void;
  /** What an error that was caught on the way means to the caller. */
  explain(error: unknown): unknown;
}

export class HttpsTransport implements KubeTransport {
  readonly #clock: Clock;
  readonly #credentials: Credentials;
  readonly #userAgent: string;
  readonly #agents = {
    'http:': new HttpAgent({ keepAlive: true, maxSockets: MAX_SOCKETS, maxFreeSockets: MAX_IDLE_SOCKETS }),
    'https:': new HttpsAgent({ keepAlive: true, maxSockets: MAX_SOCKETS, maxFreeSockets: MAX_IDLE_SOCKETS }),
  };

  constructor(components: { clock: Clock; credentials: Credentials }, init: { userAgent: string }) {
    this.#clock = components.clock;
    this.#credentials = components.credentials;
    this.#userAgent = init.userAgent;
  }

  async call(request: KubeRequest): Promise<unknown> {
    const exchange = await this.#accepted(request);
    try {
      const body = await readAll(exchange.answer, MAX_ANSWER_BYTES, named(request));
      return body.length === 0 ? undefined : parse(body, named(request));
    } catch (error) {
      throw exchange.explain(error);
    } finally {
      exchange.end();
    }
  }

  async *lines(request: KubeRequest): AsyncGenerator<string> {
    const exchange = await this.#accepted(request);
    try {
      exchange.opened();
      request.onOpen?.();
      yield* linesOf(exchange.answer, MAX_LINE_BYTES);
    } catch (error) {
      throw exchange.explain(error);
    } finally {
      exchange.end();
    }
  }

  /** Ends connections that wait; requests on their way are ended by their own signals. */
  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  /** A 2xx answer. A token that is no longer valid is read again, once: the kubelet replaces it before it runs out. */
  async #accepted(request: KubeRequest): Promise<Exchange> {
    const first = await this.#sent(request);
    if (first.answer.statusCode !== 401) return this.#orRefusal(first, request);
    first.end();
    this.#credentials.reload();
    return this.#orRefusal(await this.#sent(request), request);
  }

  async #orRefusal(exchange: Exchange, request: KubeRequest): Promise<Exchange> {
    const { answer } = exchange;
    const code = answer.statusCode ?? 0;
    if (code >= 200 && code < 300) return exchange;
    try {
      const text = await readAll(answer, MAX_ERROR_BYTES, named(request));
      const body = parseOrUndefined(text);
      throw apiErrorOf(named(request), { code, body, retryAfter: answer.headers['retry-after'] });
    } catch (error) {
      throw exchange.explain(error);
    } finally {
      exchange.end();
    }
  }

  async #sent(request: KubeRequest): Promise<Exchange> {
    const retryable = request.method === 'GET';
    try {
      return await this.#send(request);
    } catch (error) {
      // The server may close a kept connection in the moment in which we use it. Only reading is safe to say twice.
      if (!(retryable && error instanceof StaleConnectionError)) throw error;
      return await this.#send(request);
    }
  }

  async #send(request: KubeRequest): Promise<Exchange> {
    request.signal?.throwIfAborted();
    const { server, headers, options } = await this.#credentials.current().catch((error: unknown) => {
      throw new KubeUnreachableError(`credentials cannot be read: ${errorText(error)}`, { cause: error });
    });
    const guard = new RequestGuard(this.#clock, request, CALL_TIMEOUT_MS);
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const begin = server.protocol === 'http:' ? httpRequest : httpsRequest;
    const outgoing = begin({
      agent: this.#agents[server.protocol === 'http:' ? 'http:' : 'https:'],
      ...options,
      method: request.method,
      hostname: unbracketed(server.hostname),
      port: server.port,
      path: pathAndQuery(server, request),
      headers: { ...headers, ...this.#headers(request, body) },
      signal: guard.signal,
    });
    try {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        outgoing.on('response', resolve);
        // Stays on: an error after the answer has begun reaches the reader of the answer too.
        outgoing.on('error', reject);
        outgoing.on('socket', (socket) => socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS));
        outgoing.end(body);
      });
      return {
        answer,
        opened: () => guard.disarm(),
        end: () => {
          guard.release();
          if (!answer.complete) outgoing.destroy();
          else answer.resume();
        },
        explain: (error) => guard.explain(error, server),
      };
    } catch (error) {
      guard.release();
      if (outgoing.reusedSocket && !guard.signal.aborted) throw new StaleConnectionError(server, error);
      throw guard.explain(error, server);
    }
  }

  #headers(request: KubeRequest, body: Buffer | undefined): Record<string, string | number> {
    return {
      Accept: 'application/json',
      'User-Agent': this.#userAgent,
      ...(body === undefined
        ? {}
        : { 'Content-Type': request.contentType ?? 'application/json', 'Content-Length': body.length }),
    };
  }
}

function named(request: KubeRequest): string {
  return `${request.method} ${request.path}`;
}

function unbracketed(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

function pathAndQuery(server: URL, { path, query }: KubeRequest): string {
  const prefix = server.pathname.replace(/\/$/, '');
  const search = query === undefined ? '' : new URLSearchParams(query).toString();
  return search === '' ? `${prefix}${path}` : `${prefix}${path}?${search}`;
}

async function readAll(answer: IncomingMessage, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // A response without an encoding gives Buffers.
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new KubeApiError(`${what}: the answer is larger than ${maxBytes} bytes`, {
        status: answer.statusCode ?? 0,
        reason: ANSWER_TOO_LARGE,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

function parse(body: Buffer, what: string): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new KubeUnreachableError(`${what}: the answer is not JSON`, {
      cause: error,
      hint: 'is this the address of an API server?',
    });
  }
}

function parseOrUndefined(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // Proxies answer in HTML or plain text; the status code says enough.
    return undefined;
  }
}
