import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../runtime/clock.ts';
import type { Counts } from './counts.ts';
import { MARKER_HEADER, PLAINTEXT_MARKER, SERVED_BY_HEADER } from './marker.ts';

/**
 * An application as gateways meet them. Paths:
 *
 *     /               who answered
 *     /status/CODE    an answer with that status: an application's own 503 must pass gateways untouched
 *     /forged         503 with the gateways' own refusal headers: must not be taken for theirs
 *     /slow/MS        the answer comes after MS milliseconds
 *     /bytes/N        N bytes of body
 *     /headers        the request's headers as JSON
 *     /counts         how often each METHOD PATH was asked, as JSON (not counted itself)
 *     /health         200, or 503 after POST /health/fail and until POST /health/pass
 */
export interface HttpServiceInit {
  readonly name: string;
}

const SLOW_MS_MAX = 60_000;
const BYTES_MAX = 64 * 1024 * 1024;
const FILL = Buffer.alloc(64 * 1024, 'x');

export function createHttpService(components: { clock: Clock; counts: Counts }, init: HttpServiceInit): Server {
  const service = new HttpService(components, init);
  const server = createServer((request, response) => service.answer(request, response));
  // Envoy keeps pooled connections for longer than Node's 5 s; a close at that moment would look like a failure.
  server.keepAliveTimeout = 0;
  return server;
}

class HttpService {
  readonly #clock: Clock;
  readonly #counts: Counts;
  readonly #name: string;
  #healthy = true;

  constructor(components: { clock: Clock; counts: Counts }, init: HttpServiceInit) {
    this.#clock = components.clock;
    this.#counts = components.counts;
    this.#name = init.name;
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    request.resume();
    if (path !== '/counts') this.#counts.add(`${request.method ?? ''} ${path}`);
    response.setHeader(SERVED_BY_HEADER, this.#name);
    response.setHeader(MARKER_HEADER, PLAINTEXT_MARKER);
    const [, first = '', second = ''] = path.split('/');
    switch (first) {
      case 'status':
        return this.#who(response, boundedNumber(second, 200, 599) ?? 400);
      case 'forged':
        response.setHeader('isthmus-reply', 'unsent');
        response.setHeader('isthmus-reason', 'forged');
        return this.#who(response, 503);
      case 'slow':
        this.#clock.after(boundedNumber(second, 0, SLOW_MS_MAX) ?? 0, () => this.#who(response, 200));
        return undefined;
      case 'bytes':
        return sendBytes(response, boundedNumber(second, 0, BYTES_MAX) ?? 0);
      case 'headers':
        return sendJson(response, request.headers);
      case 'counts':
        return sendJson(response, this.#counts.all());
      case 'health':
        return this.#health(request.method, second, response);
      default:
        return this.#who(response, 200);
    }
  }

  #health(method: string | undefined, command: string, response: ServerResponse): void {
    if (method === 'POST') this.#healthy = command !== 'fail';
    this.#who(response, this.#healthy || method === 'POST' ? 200 : 503);
  }

  #who(response: ServerResponse, status: number): void {
    const body = `${this.#name} ${PLAINTEXT_MARKER}\n`;
    response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) }).end(body);
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  const body = `${JSON.stringify(value)}\n`;
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
}

function sendBytes(response: ServerResponse, total: number): void {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': total });
  let left = total;
  const write = (): void => {
    while (left > 0 && !response.destroyed) {
      const piece = left < FILL.length ? FILL.subarray(0, left) : FILL;
      left -= piece.length;
      if (!response.write(piece)) {
        response.once('drain', write);
        return;
      }
    }
    response.end();
  };
  write();
}

function boundedNumber(text: string, min: number, max: number): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined;
}
