import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { ServiceError, StatusObject } from '@grpc/grpc-js';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { Store } from '../../../protos/gen/isthmus/store/v1/store_pb.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { IsthmusError } from '../../../runtime/errors.ts';
import type { StoreAddress } from './address.ts';
import { formatPlace } from './address.ts';
import type { RequestInitOf, ResponseOf, StreamName, UnaryName } from './service.ts';
import {
  decodeMessage,
  encodeMessage,
  HEADER,
  pathOf,
  RESPONSE_BYTES_MAX,
  STATUS,
  TLS_SERVER_NAME,
} from './service.ts';
import { errorFromWire, ServerUnreachableError } from './wire-errors.ts';

/** The gRPC client role towards a store server, and the only file that knows the library on this side. */
const KEEPALIVE_MS = 5_000;
const KEEPALIVE_TIMEOUT_MS = 2_000;

export interface CallHeaders {
  readonly session?: string | undefined;
  readonly proof?: Uint8Array | undefined;
}

export interface UnaryOptions extends CallHeaders {
  readonly timeoutMs: number;
}

export interface StreamOptions extends CallHeaders {
  /** Between two parts, and before the first. Absent: as long as the connection lives. */
  readonly idleTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One connection to one server that showed one certificate. Never reconnects by itself: its owner makes a new one. */
export class Channel {
  readonly #clock: Clock;
  readonly #client: Client;
  readonly #place: string;

  constructor(components: { clock: Clock }, init: { address: StoreAddress; certificate: string }) {
    this.#clock = components.clock;
    this.#place = formatPlace(init.address);
    const context = createSecureContext({ ca: init.certificate, minVersion: 'TLSv1.3' });
    // The certificate itself is the only root, so its name has nothing to add.
    const channelCredentials = credentials.createFromSecureContext(context, { checkServerIdentity: () => undefined });
    this.#client = new Client(targetOf(init.address), channelCredentials, {
      // A retry buffer would keep what long streams have sent.
      'grpc.enable_retries': 0,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.max_receive_message_length': RESPONSE_BYTES_MAX,
      'grpc.service_config_disable_resolution': 1,
      // Another channel to the same place would else share this one's connection beyond its close.
      'grpc.use_local_subchannel_pool': 1,
      // The pin is fetched without a proxy, so the channel goes without one too.
      'grpc.enable_http_proxy': 0,
      // An IP address may not stand in the TLS server name (RFC 6066), and no name matters here.
      'grpc.ssl_target_name_override': TLS_SERVER_NAME,
      'grpc.enable_channelz': 0,
    });
  }

  close(): void {
    this.#client.close();
  }

  unary<Name extends UnaryName>(
    name: Name,
    request: RequestInitOf<Name>,
    options: UnaryOptions,
  ): Promise<ResponseOf<Name>> {
    const method = Store.method[name];
    return new Promise((resolve, reject) => {
      let isLate = false;
      const call = this.#client.makeUnaryRequest(
        pathOf(method),
        (init: RequestInitOf<Name>) => encodeMessage(method.input, init as MessageInitShape<typeof method.input>),
        (octets) => decodeMessage(method.output, octets) as ResponseOf<Name>,
        request,
        metadataOf(options),
        (error: ServiceError | null, response?: ResponseOf<Name>) => {
          timer.cancel();
          if (response !== undefined && error === null) resolve(response);
          else reject(isLate || error === null ? this.#noAnswer(options.timeoutMs) : this.#errorOf(error));
        },
      );
      const timer = this.#clock.after(options.timeoutMs, () => {
        isLate = true;
        call.cancel();
      });
    });
  }

  /** The parts as they come. Leaving the loop cancels the call. */
  async *stream<Name extends StreamName>(
    name: Name,
    request: RequestInitOf<Name>,
    options: StreamOptions,
  ): AsyncGenerator<ResponseOf<Name>, void> {
    const method = Store.method[name];
    const { idleTimeoutMs, signal } = options;
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      (init: RequestInitOf<Name>) => encodeMessage(method.input, init as MessageInitShape<typeof method.input>),
      (octets) => decodeMessage(method.output, octets) as ResponseOf<Name>,
      request,
      metadataOf(options),
    );
    // The iteration below throws the error too; without a listener of its own an early one would end the process.
    call.on('error', () => undefined);
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    let isLate = false;
    const watchdog = (): { cancel(): void } | undefined =>
      idleTimeoutMs === undefined
        ? undefined
        : this.#clock.after(idleTimeoutMs, () => {
            isLate = true;
            call.cancel();
          });
    let timer = watchdog();
    try {
      for await (const part of call) {
        timer?.cancel();
        yield part as MessageShape<typeof method.output> as ResponseOf<Name>;
        timer = watchdog();
      }
    } catch (error) {
      if (signal?.aborted === true) return;
      throw isLate ? this.#noAnswer(idleTimeoutMs ?? 0) : this.#errorOf(error);
    } finally {
      timer?.cancel();
      signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  #noAnswer(timeoutMs: number): ServerUnreachableError {
    return new ServerUnreachableError(`the store server at ${this.#place} did not answer within ${timeoutMs} ms`);
  }

  #errorOf(error: unknown): IsthmusError {
    const status = isStatus(error) ? error : { code: STATUS.internal, details: String(error), metadata: undefined };
    return errorFromWire(
      {
        code: status.code,
        details: status.details,
        error: octetsIn(status.metadata, HEADER.error),
        nonce: octetsIn(status.metadata, HEADER.nonce),
      },
      this.#place,
    );
  }
}

function targetOf({ host, port }: StoreAddress): string {
  switch (isIP(host)) {
    case 4:
      return `ipv4:${host}:${port}`;
    case 6:
      return `ipv6:[${host}]:${port}`;
    default:
      return `dns:///${host}:${port}`;
  }
}

function metadataOf({ session, proof }: CallHeaders): Metadata {
  const metadata = new Metadata();
  if (session !== undefined) metadata.set(HEADER.session, session);
  if (proof !== undefined) metadata.set(HEADER.proof, Buffer.from(proof));
  return metadata;
}

function octetsIn(metadata: Metadata | undefined, header: string): Uint8Array | undefined {
  const value = metadata?.get(header)[0];
  return typeof value === 'object' ? new Uint8Array(value) : undefined;
}

function isStatus(error: unknown): error is StatusObject {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}
