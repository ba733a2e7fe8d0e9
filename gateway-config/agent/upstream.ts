import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  Client,
  type ClientDuplexStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  status,
} from '@grpc/grpc-js';
import {
  type AttachResponse,
  AttachRequestSchema,
  AttachResponseSchema,
  type GatewayReport,
  GatewayReportSchema,
  type ReportEnd,
  ReportEndSchema,
  type SignLeafResponse,
  SignLeafRequestSchema,
  SignLeafResponseSchema,
} from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import { GATEWAY_METADATA, METHODS } from '../xds/agent-service.ts';
import { checkSocketPath } from '../xds/unix-socket.ts';

/** The agent's calls to one controller. One channel; every call says by itself whether it succeeded. */
export class ControllerCallError extends IsthmusError {
  constructor(what: string, cause: unknown) {
    super('controller-call', `${what} failed: ${errorText(cause)}`, { cause });
  }
}

/** The controller answered, and its answer is no: asking again would not help. */
export class ControllerRefusalError extends IsthmusError {
  constructor(details: string) {
    super('controller-refusal', `the controller refused: ${details}`);
  }
}

/** A call that is answered from memory by a process on the same host. */
export const CALL_DEADLINE_MS = 5_000;
/** grpc-js waits this long before it dials again; the agent's own back-off is on top. */
const RECONNECT_MS = { initial: 100, max: 1_000 };
/**
 * A process that is stopped keeps its sockets open. Below the lease of a leader, so that its gateways look for the next
 * one in time; above what a controller takes for its longest turn.
 */
const KEEPALIVE_MS = { time: 2_000, timeout: 3_000 };
/** Above the largest response of the controller. */
const RESPONSE_BYTES_MAX = 64 * 1024 * 1024;

export interface AdsCallEvents {
  /** The controller sent its headers: it would serve this stream. */
  readonly accepted: () => void;
  readonly frame: (frame: Buffer) => void;
  readonly drained: () => void;
  /** Once, however the call ends. */
  readonly ended: (reason: string) => void;
}

export interface AdsCall {
  write(frame: Uint8Array): boolean;
  /** Stops reading from the controller, when Envoy does not keep up. */
  pause(): void;
  resume(): void;
  cancel(): void;
}

export interface ReportCall {
  /** False when the call is over. */
  send(report: MessageInitShape<typeof GatewayReportSchema>): boolean;
  cancel(): void;
}

export class Upstream {
  readonly #clock: Clock;
  readonly #client: Client;
  readonly #gateway: string;

  constructor(components: { clock: Clock }, init: { socketPath: string; gateway: string }) {
    checkSocketPath(init.socketPath);
    this.#clock = components.clock;
    this.#gateway = init.gateway;
    this.#client = new Client(`unix:${init.socketPath}`, credentials.createInsecure(), {
      'grpc.initial_reconnect_backoff_ms': RECONNECT_MS.initial,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MS.max,
      'grpc.keepalive_time_ms': KEEPALIVE_MS.time,
      'grpc.keepalive_timeout_ms': KEEPALIVE_MS.timeout,
      'grpc.max_receive_message_length': RESPONSE_BYTES_MAX,
      'grpc.max_send_message_length': -1,
      // Retry buffers grow as long as a stream lives, and ours live for weeks.
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
      // A pool shared by all agents of one process would share one connection's fate too.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** @throws ControllerCallError, ControllerRefusalError */
  attach(instance: string, deadlineMs = CALL_DEADLINE_MS): Promise<AttachResponse> {
    const request = { gateway: this.#gateway, instance };
    const method = { path: METHODS.attach, request: AttachRequestSchema, response: AttachResponseSchema };
    return this.#unary(method, request, deadlineMs);
  }

  /** @throws ControllerCallError */
  signLeaf(
    request: { publicKey: Uint8Array; proof: Uint8Array },
    deadlineMs = CALL_DEADLINE_MS,
  ): Promise<SignLeafResponse> {
    const method = { path: METHODS.signLeaf, request: SignLeafRequestSchema, response: SignLeafResponseSchema };
    return this.#unary(method, { gateway: this.#gateway, ...request }, deadlineMs);
  }

  openAds(events: AdsCallEvents): AdsCall {
    const metadata = new Metadata();
    metadata.set(GATEWAY_METADATA, this.#gateway);
    const call: ClientDuplexStream<Buffer, Buffer> = this.#client.makeBidiStreamRequest(
      METHODS.ads,
      asBuffer,
      asBuffer,
      metadata,
    );
    const ended = once(events.ended);
    call.on('metadata', events.accepted);
    call.on('data', events.frame);
    call.on('drain', events.drained);
    call.on('error', (error) => ended(errorText(error)));
    call.on('end', () => ended('the controller ended the stream'));
    return {
      write: (frame) => call.write(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)),
      pause: () => void call.pause(),
      resume: () => void call.resume(),
      cancel: () => call.cancel(),
    };
  }

  openReport(ended: (reason: string) => void): ReportCall {
    let over = false;
    let full = false;
    const end = once((reason: string) => {
      over = true;
      ended(reason);
    });
    const call: ClientWritableStream<GatewayReport> = this.#client.makeClientStreamRequest<GatewayReport, ReportEnd>(
      METHODS.report,
      (report) => Buffer.from(toBinary(GatewayReportSchema, report)),
      (bytes) => fromBinary(ReportEndSchema, bytes),
      (error) => end(error === null ? 'the controller ended the report' : errorText(error)),
    );
    call.on('error', (error) => end(errorText(error)));
    call.on('drain', () => {
      full = false;
    });
    return {
      send: (report) => {
        // A controller that does not read gets the next report when it reads again: each says everything.
        if (!over && !full) full = !call.write(create(GatewayReportSchema, { ...report, gateway: this.#gateway }));
        return !over;
      },
      cancel: () => call.cancel(),
    };
  }

  close(): void {
    this.#client.close();
  }

  #unary<Request extends DescMessage, Response extends DescMessage>(
    method: { readonly path: string; readonly request: Request; readonly response: Response },
    request: MessageInitShape<Request>,
    deadlineMs: number,
  ): Promise<MessageShape<Response>> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<MessageShape<Request>, MessageShape<Response>>(
        method.path,
        (message) => Buffer.from(toBinary(method.request, message)),
        (bytes) => fromBinary(method.response, bytes),
        create(method.request, request),
        { deadline: this.#clock.epochMs() + deadlineMs },
        (error, response) => {
          if (error?.code === status.FAILED_PRECONDITION) reject(new ControllerRefusalError(error.details));
          else if (error !== null || response === undefined) reject(new ControllerCallError(method.path, error));
          else resolve(response);
        },
      );
    });
  }
}

function asBuffer(bytes: Buffer): Buffer {
  return bytes;
}

function once(task: (reason: string) => void): (reason: string) => void {
  let done = false;
  return (reason) => {
    if (done) return;
    done = true;
    task(reason);
  };
}
