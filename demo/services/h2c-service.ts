import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Counts } from './counts.ts';
import { MARKER_HEADER, PLAINTEXT_MARKER, SERVED_BY_HEADER } from './marker.ts';

/**
 * HTTP/2 without TLS (prior knowledge), and gRPC on it: a request with `content-type: application/grpc` gets its messages
 * back, frame by frame, and `grpc-status: 0` as a trailer, for every method name. Trailers are what gateways lose first.
 */
const GRPC = /^application\/grpc($|[+;])/;
const STATUS = /^\/status\/([2-5]\d\d)$/;

export function createH2cService(components: { counts: Counts }, init: { readonly name: string }): Http2Server {
  const { counts } = components;
  const server = createServer();
  // Both sides may be killed at any time in a failover test; the stream's or session's `close` is all we need.
  server.on('sessionError', () => undefined);
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    const path = headers[':path'] ?? '/';
    counts.add(`${headers[':method'] ?? ''} ${path}`);
    if (GRPC.test(headers['content-type'] ?? '')) echoMessages(stream, init.name);
    else answer(stream, headers, init.name);
  });
  return server;
}

function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, name: string): void {
  const status = STATUS.exec(headers[':path'] ?? '/')?.[1] ?? '200';
  stream.resume();
  stream.respond({
    ':status': Number(status),
    'content-type': 'text/plain',
    [SERVED_BY_HEADER]: name,
    [MARKER_HEADER]: PLAINTEXT_MARKER,
  });
  stream.end(`${name} ${PLAINTEXT_MARKER}\n`);
}

function echoMessages(stream: ServerHttp2Stream, name: string): void {
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      [SERVED_BY_HEADER]: name,
      [MARKER_HEADER]: PLAINTEXT_MARKER,
    },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': name }));
  stream.pipe(stream);
}
