import { createSecureContext } from 'node:tls';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type ChannelCredentials,
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
import { verifySvid } from '../../trust/verify.ts';
import { AUTHORIZATION_METADATA, GATEWAY_METADATA, METHODS, TLS_SERVER_NAME } from '../xds/agent-service.ts';
import { checkSocketPath } from '../xds/unix-socket.ts';
import type { ControllerAnchors, ControllerLogin } from './controller-login.ts';
import { type ControllerTarget, targetName } from './controller-target.ts';

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

/** A call that is answered from memory by a process on the same host, or in the same data centre. */
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

export interface UpstreamInit {
  readonly target: ControllerTarget;
  readonly gateway: string;
  /** Needed for a target on another host. */
  readonly login?: ControllerLogin | undefined;
}

export class Upstream {
  readonly #clock: Clock;
  readonly #init: UpstreamInit;
  #connected: { readonly client: Client; readonly anchors: ControllerAnchors | undefined } | undefined;

  constructor(components: { clock: Clock }, init: UpstreamInit) {
    if (init.target.kind === 'socket') checkSocketPath(init.target.path);
    else if (init.login === undefined)
      throw new IsthmusError('no-login', 'a controller elsewhere needs a CA and a token');
    this.#clock = components.clock;
    this.#init = init;
  }

  /** @throws ControllerCallError, ControllerRefusalError */
  attach(instance: string, deadlineMs = CALL_DEADLINE_MS): Promise<AttachResponse> {
    const request = { gateway: this.#init.gateway, instance };
    const method = { path: METHODS.attach, request: AttachRequestSchema, response: AttachResponseSchema };
    return this.#unary(method, request, deadlineMs);
  }

  /** @throws ControllerCallError */
  signLeaf(
    request: { publicKey: Uint8Array; proof: Uint8Array },
    deadlineMs = CALL_DEADLINE_MS,
  ): Promise<SignLeafResponse> {
    const method = { path: METHODS.signLeaf, request: SignLeafRequestSchema, response: SignLeafResponseSchema };
    return this.#unary(method, { gateway: this.#init.gateway, ...request }, deadlineMs);
  }

  /** @throws IsthmusError when the call cannot even be begun */
  openAds(events: AdsCallEvents): AdsCall {
    const { client, metadata } = this.#ready();
    const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
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

  /** @throws IsthmusError when the call cannot even be begun */
  openReport(ended: (reason: string) => void): ReportCall {
    const { client, metadata } = this.#ready();
    let over = false;
    let full = false;
    const end = once((reason: string) => {
      over = true;
      ended(reason);
    });
    const call: ClientWritableStream<GatewayReport> = client.makeClientStreamRequest<GatewayReport, ReportEnd>(
      METHODS.report,
      (report) => Buffer.from(toBinary(GatewayReportSchema, report)),
      (bytes) => fromBinary(ReportEndSchema, bytes),
      metadata,
      (error) => end(error === null ? 'the controller ended the report' : errorText(error)),
    );
    call.on('error', (error) => end(errorText(error)));
    call.on('drain', () => {
      full = false;
    });
    return {
      send: (report) => {
        // A controller that does not read gets the next report when it reads again: each says everything.
        if (!over && !full) full = !call.write(create(GatewayReportSchema, { ...report, gateway: this.#init.gateway }));
        return !over;
      },
      cancel: () => call.cancel(),
    };
  }

  close(): void {
    this.#connected?.client.close();
    this.#connected = undefined;
  }

  /**
   * The channel, and what every call says of its caller. Other anchors are another channel; streams on the one before
   * live on.
   */
  #ready(): { readonly client: Client; readonly metadata: Metadata } {
    const { target, gateway, login } = this.#init;
    const metadata = new Metadata();
    metadata.set(GATEWAY_METADATA, gateway);
    const remote = target.kind === 'tls' ? login : undefined;
    const anchors = remote?.anchors();
    if (remote !== undefined) metadata.set(AUTHORIZATION_METADATA, `Bearer ${remote.token()}`);
    if (this.#connected === undefined || this.#connected.anchors !== anchors) {
      this.close();
      this.#connected = { client: makeClient(target, channelCredentials(this.#clock, anchors)), anchors };
    }
    return { client: this.#connected.client, metadata };
  }

  #unary<Request extends DescMessage, Response extends DescMessage>(
    method: { readonly path: string; readonly request: Request; readonly response: Response },
    request: MessageInitShape<Request>,
    deadlineMs: number,
  ): Promise<MessageShape<Response>> {
    return new Promise((resolve, reject) => {
      const { client, metadata } = this.#ready();
      client.makeUnaryRequest<MessageShape<Request>, MessageShape<Response>>(
        method.path,
        (message) => Buffer.from(toBinary(method.request, message)),
        (bytes) => fromBinary(method.response, bytes),
        create(method.request, request),
        metadata,
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

function makeClient(target: ControllerTarget, channel: ChannelCredentials): Client {
  return new Client(targetName(target), channel, {
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
    // A controller is a neighbour: what the environment says of proxies is for the way out.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    ...(target.kind === 'tls' ? { 'grpc.ssl_target_name_override': TLS_SERVER_NAME } : {}),
  });
}

/**
 * OpenSSL proves the chain, up to the cluster CA and no further; then every rule for an SVID is checked by ourselves, and
 * that it is the controller's: a gateway of the same cluster has a certificate of the same CA.
 */
function channelCredentials(clock: Clock, anchors: ControllerAnchors | undefined): ChannelCredentials {
  if (anchors === undefined) return credentials.createInsecure();
  const context = createSecureContext({ ca: anchors.pem, minVersion: 'TLSv1.3', allowPartialTrustChain: true });
  return credentials.createFromSecureContext(context, {
    checkServerIdentity: (_host, { raw }) => {
      const { anchors: ders, expected } = anchors;
      const checked = verifySvid({ chain: [raw], anchors: ders, atMs: clock.epochMs(), expected });
      return checked.ok ? undefined : new IsthmusError('not-the-controller', checked.message);
    },
  });
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
