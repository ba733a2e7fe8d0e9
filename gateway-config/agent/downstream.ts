import { Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Clock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { METHODS } from '../xds/agent-service.ts';
import type { GatewayStreams } from '../xds/gateway-streams.ts';
import type { StreamFailure } from '../xds/stream.ts';
import { clearSocketPath, restrictSocket } from '../xds/unix-socket.ts';
import type { AdsFront, EnvoyCall, EnvoyStream } from './ads-front.ts';

/** What Envoy sees of its agent: ADS, and SDS for its own certificate alone, on a socket of its own user. */
export interface DownstreamComponents {
  readonly clock: Clock;
  readonly ads: AdsFront;
  /** Serves the secret `own`. */
  readonly secrets: GatewayStreams;
}

const REQUEST_BYTES_MAX = 16 * 1024 * 1024;
/** Above the largest response: nghttp2 ends a session that exceeds its budget. In MB. */
const SESSION_MEMORY_MB = 64;
const STOP_GRACE_MS = 200;

const CODES: Readonly<Record<StreamFailure, status>> = {
  unavailable: status.UNAVAILABLE,
  'invalid-argument': status.INVALID_ARGUMENT,
  'permission-denied': status.PERMISSION_DENIED,
};

export class Downstream {
  readonly #components: DownstreamComponents;
  readonly #socketPath: string;
  readonly #server = new Server({
    'grpc.max_receive_message_length': REQUEST_BYTES_MAX,
    'grpc.max_send_message_length': -1,
    'grpc-node.max_session_memory': SESSION_MEMORY_MB,
    'grpc.enable_channelz': 0,
  });

  constructor(components: DownstreamComponents, init: { socketPath: string }) {
    this.#components = components;
    this.#socketPath = init.socketPath;
    const frames = {
      requestStream: true,
      responseStream: true,
      requestSerialize: asBuffer,
      requestDeserialize: asBuffer,
      responseSerialize: asBuffer,
      responseDeserialize: asBuffer,
    };
    this.#server.addService(
      { DeltaAggregatedResources: { path: METHODS.ads, ...frames } },
      { DeltaAggregatedResources: (call: ServerDuplexStream<Buffer, Buffer>) => this.#ads(call) },
    );
    this.#server.addService(
      { DeltaSecrets: { path: METHODS.sds, ...frames } },
      { DeltaSecrets: (call: ServerDuplexStream<Buffer, Buffer>) => this.#sds(call) },
    );
  }

  async start(): Promise<void> {
    await clearSocketPath(this.#socketPath);
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${this.#socketPath}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(new IsthmusError('agent-bind', 'cannot listen for envoy', { cause: error }));
      });
    });
    await restrictSocket(this.#socketPath);
  }

  async close(): Promise<void> {
    const closed = Promise.withResolvers<void>();
    this.#server.tryShutdown(() => closed.resolve());
    this.#components.ads.close();
    this.#components.secrets.failAll('the gateway agent stops');
    const force = this.#components.clock.after(STOP_GRACE_MS, () => {
      this.#server.forceShutdown();
      // The callback of tryShutdown is not called for sessions that were destroyed.
      closed.resolve();
    });
    await closed.promise;
    force.cancel();
  }

  #ads(call: ServerDuplexStream<Buffer, Buffer>): void {
    let stream: EnvoyStream | undefined;
    // An error that ends a call also emits `error`; without a listener it would end the process.
    call.on('error', () => stream?.closed());
    const accepted = this.#components.ads.accept(asEnvoyCall(call));
    stream = accepted;
    call.on('cancelled', () => accepted.closed());
    call.on('drain', () => accepted.drained());
    call.on('data', (frame: Buffer) => accepted.receive(frame));
    call.on('end', () => {
      accepted.closed();
      call.end();
    });
    call.sendMetadata(new Metadata());
  }

  #sds(call: ServerDuplexStream<Buffer, Buffer>): void {
    const { secrets } = this.#components;
    const frameCall = asEnvoyCall(call);
    call.on('error', () => secrets.closed(frameCall));
    const stream = secrets.open(frameCall, undefined);
    if (stream === undefined) return;
    call.on('cancelled', () => secrets.closed(frameCall));
    call.on('drain', () => stream.drained());
    call.on('data', (frame: Buffer) => stream.receive(frame));
    call.on('end', () => {
      secrets.closed(frameCall);
      call.end();
    });
    call.sendMetadata(new Metadata());
  }
}

function asEnvoyCall(call: ServerDuplexStream<Buffer, Buffer>): EnvoyCall {
  return {
    write: (frame) => call.write(frame),
    fail: (why, message) => void call.emit('error', { code: CODES[why], details: message }),
    pause: () => void call.pause(),
    resume: () => void call.resume(),
  };
}

function asBuffer(bytes: Buffer): Buffer {
  return bytes;
}
