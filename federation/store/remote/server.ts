import type { DescMessage, DescMethod, Message, MessageInitShape } from '@bufbuild/protobuf';
import type {
  ConnectionInjector,
  ServerErrorResponse,
  ServerInterceptor,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { Metadata, Server, ServerCredentials, ServerInterceptingCall, status } from '@grpc/grpc-js';
import { Store } from '../../../protos/gen/isthmus/store/v1/store_pb.ts';
import { IsthmusError } from '../../../runtime/errors.ts';
import type { StoreComponents } from '../components.ts';
import type { Admission, Gate } from './gate.ts';
import type { Caller, StreamHandlers, UnaryHandlers } from './handlers.ts';
import { Listener } from './listener.ts';
import type { ServerIdentity } from './server-identity.ts';
import type { MethodName } from './service.ts';
import { decodeMessage, encodeMessage, HEADER, pathOf, REQUEST_BYTES_MAX } from './service.ts';
import { errorToWire, SessionRefusedError } from './wire-errors.ts';

/** The gRPC server role of a store server, and the only file that knows the library on this side. */
const STREAMS_PER_CONNECTION_MAX = 64;
/** Both ends find out within seconds that the other is gone; Envoy and clouds drop idle connections after minutes. */
const KEEPALIVE_MS = 5_000;
const KEEPALIVE_TIMEOUT_MS = 3_000;
const IDLE_CONNECTION_MS = 120_000;
const HANDSHAKE_MS = 5_000;
/** The largest commit over a link of 1 MiB/s, with as much to spare. A body that drips in slower than that is cut off. */
const CALL_MS = 70_000;

export interface StoreServerInit {
  readonly identity: ServerIdentity;
  readonly gate: Gate;
  readonly unary: UnaryHandlers;
  readonly streams: StreamHandlers;
}

export class StoreServer {
  readonly #components: StoreComponents;
  readonly #init: StoreServerInit;
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #injector: ConnectionInjector;
  /** By the metadata object of the call, which the library hands to gate and handler alike. */
  readonly #admissions = new WeakMap<Metadata, Admission>();

  constructor(components: StoreComponents, init: StoreServerInit) {
    this.#components = components;
    this.#init = init;
    this.#server = new Server({
      'grpc.max_receive_message_length': REQUEST_BYTES_MAX,
      'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.max_connection_idle_ms': IDLE_CONNECTION_MS,
      'grpc.enable_channelz': 0,
      interceptors: [this.#gateInterceptor()],
    });
    this.#server.addService(serviceDefinition(), this.#implementation());
    this.#injector = this.#server.createConnectionInjector(new Tls13Credentials(init.identity));
    this.#listener = new Listener(components, { take: (socket) => this.#injector.injectConnection(socket) });
  }

  /** Resolves with the port. */
  listen(place: { readonly address: string; readonly port: number }): Promise<number> {
    return this.#listener.listen(place);
  }

  async close(): Promise<void> {
    await this.#listener.close();
    this.#injector.destroy();
    this.#server.forceShutdown();
  }

  /** Until the gate has let a call in, nothing of its body is read from the stream. */
  #gateInterceptor(): ServerInterceptor {
    return ({ path }, call) => {
      const method = METHOD_NAMES.get(path);
      let leave = (): void => undefined;
      let isOver = false;
      const finish = (): void => {
        isOver = true;
        leave();
      };
      const enter = (admission: Admission, metadata: Metadata, pass: (metadata: Metadata) => void): void => {
        const timer =
          method === 'watch' ? undefined : this.#components.clock.after(CALL_MS, () => call.sendStatus(TOO_SLOW));
        leave = () => {
          timer?.cancel();
          admission.leave();
        };
        if (isOver) leave();
        const { remoteAddress, remotePort } = call.getConnectionInfo();
        this.#listener.confirm(remoteAddress, remotePort);
        this.#admissions.set(metadata, admission);
        pass(metadata);
      };
      return new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, pass) => {
              this.#admit(method, metadata).then(
                (admission) => enter(admission, metadata, pass),
                (error: unknown) => call.sendStatus(this.#failure(error)),
              );
            },
            onCancel: finish,
          }),
        sendStatus: (ending, next) => {
          finish();
          next(ending);
        },
      });
    };
  }

  async #admit(method: MethodName | undefined, metadata: Metadata): Promise<Admission> {
    if (method === undefined) throw new SessionRefusedError('no such method');
    const session = metadata.get(HEADER.session)[0];
    const proof = metadata.get(HEADER.proof)[0];
    return this.#init.gate.admit(method, {
      session: typeof session === 'string' ? session : undefined,
      proof: typeof proof === 'object' ? new Uint8Array(proof) : undefined,
    });
  }

  #implementation(): UntypedServiceImplementation {
    const implementation: UntypedServiceImplementation = {};
    for (const method of Store.methods) {
      implementation[method.localName] =
        method.methodKind === 'unary' ? this.#unary(method) : this.#serverStream(method);
    }
    return implementation;
  }

  #unary(method: DescMethod) {
    // `handlers.ts` is typed by method name; walking over all methods loses which request belongs to which.
    const handle = this.#init.unary[method.localName as keyof UnaryHandlers] as (
      request: Message,
      caller: Caller,
    ) => Promise<MessageInitShape<DescMessage>>;
    const answer = async (call: ServerUnaryCall<Message, unknown>): Promise<unknown> =>
      handle(call.request, this.#admissionOf(call.metadata).caller);
    return (call: ServerUnaryCall<Message, unknown>, respond: sendUnaryData<unknown>): void => {
      answer(call).then(
        (response) => respond(null, response),
        (error: unknown) => respond(this.#failure(error)),
      );
    };
  }

  #serverStream(method: DescMethod) {
    // As above.
    const handle = this.#init.streams[method.localName as keyof StreamHandlers] as (
      request: Message,
      caller: Caller,
      signal: AbortSignal,
    ) => AsyncIterable<unknown>;
    return (call: ServerWritableStream<Message, unknown>): void => {
      const cancelled = new AbortController();
      call.once('cancelled', () => cancelled.abort());
      call.once('close', () => cancelled.abort());
      const { caller, ended } = this.#admissionOf(call.metadata);
      const signal = AbortSignal.any([cancelled.signal, ended]);
      pump(call, handle(call.request, caller, signal), signal).then(
        () => {
          if (ended.aborted) call.emit('error', this.#failure(new SessionRefusedError('the session is over')));
          else call.end();
        },
        (error: unknown) => call.emit('error', this.#failure(error)),
      );
    };
  }

  #admissionOf(metadata: Metadata): Admission {
    const admission = this.#admissions.get(metadata);
    // No call gets past the gate without; if one did, it must not be served.
    if (admission === undefined) throw new SessionRefusedError('the call was not let in');
    return admission;
  }

  #failure(error: unknown): ServerErrorResponse & { code: status; details: string } {
    if (!(error instanceof IsthmusError)) {
      this.#components.log.error('store server call failed', { error: error instanceof Error ? error.stack : error });
    }
    const { code, details, error: octets } = errorToWire(error);
    const metadata = new Metadata();
    metadata.set(HEADER.error, Buffer.from(octets));
    if (error instanceof SessionRefusedError) metadata.set(HEADER.nonce, Buffer.from(this.#init.gate.challenge()));
    return { name: 'StoreError', message: details, code: status[code], details, metadata };
  }
}

/** One part at a time, each taken by the connection before the next is made: a slow reader costs one part. */
async function pump(
  call: ServerWritableStream<unknown, unknown>,
  parts: AsyncIterable<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const gone = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  for await (const part of parts) {
    if (signal.aborted) return;
    // The library does not call back for a part that it drops because the call is cancelled.
    await Promise.race([new Promise<void>((resolve) => void call.write(part, () => resolve())), gone]);
  }
}

const TOO_SLOW = { code: status.DEADLINE_EXCEEDED, details: 'the call took too long', metadata: null };
// The generated service names its methods as the contract of `service.ts` does.
const METHOD_NAMES = new Map(Store.methods.map((method) => [pathOf(method), method.localName as MethodName]));

function serviceDefinition(): ServiceDefinition {
  const definitions = Store.methods.map((method) => [
    method.localName,
    {
      path: pathOf(method),
      requestStream: false,
      responseStream: method.methodKind === 'server_streaming',
      requestSerialize: (message: MessageInitShape<DescMessage>) => encodeMessage(method.input, message),
      requestDeserialize: (octets: Buffer) => decodeMessage(method.input, octets),
      responseSerialize: (message: MessageInitShape<DescMessage>) => encodeMessage(method.output, message),
      responseDeserialize: (octets: Buffer) => decodeMessage(method.output, octets),
    },
  ]);
  return Object.fromEntries(definitions);
}

/** `createSsl` has no way to ask for TLS 1.3; the base class takes any options of `node:tls`. */
class Tls13Credentials extends ServerCredentials {
  constructor({ key, certificate }: ServerIdentity) {
    const minVersion = 'TLSv1.3' as const;
    super({ minVersion, handshakeTimeout: HANDSHAKE_MS }, { key: key.revealPem(), cert: certificate, minVersion });
  }

  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
