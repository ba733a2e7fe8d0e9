import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import {
  AttachRequestSchema,
  AttachResponseSchema,
  type GatewayReport,
  GatewayReportSchema,
  ReportEndSchema,
  SignLeafRequestSchema,
  SignLeafResponseSchema,
} from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Snapshot } from '../snapshot.ts';
import { type AgentHandlers, framesMethod, GATEWAY_METADATA, METHODS, unaryMethod } from './agent-service.ts';
import { type Entry, GateError } from './gate.ts';
import { GatewayStreams } from './gateway-streams.ts';
import type { Ledger } from './ledger.ts';
import { type RemoteAgents, RemotePort, type ServerSvid } from './remote-port.ts';
import type { FrameCall, StreamFailure } from './stream.ts';
import { clearSocketPath, restrictSocket } from './unix-socket.ts';

/**
 * The controller's side of gateways: delta ADS and the agent service, on a unix socket that only its own user may open,
 * and for agents on other hosts and in other pods on a TCP port, by TLS 1.3 and a token. Frames are passed as bytes; what
 * they mean is decided in `session.ts`.
 */
export interface XdsServerInit {
  readonly listen: { readonly socketPath: string };
  /** Default: no TCP port. */
  readonly remote?: RemoteAgents | undefined;
  readonly handlers: AgentHandlers;
  /**
   * Why gateways are sent elsewhere now: another controller of this cluster leads. Their reports are heard all the same,
   * so that this one knows what it must know when it leads. Default: never.
   */
  readonly turnedAway?: (() => string | undefined) | undefined;
}

/** 50,000 names of 150 octets, presented with their versions, on one reconnect. */
const REQUEST_BYTES_MAX = 16 * 1024 * 1024;
/** nghttp2's budget for one connection, in MB: above the largest response, or a full resync would end the session. */
const SESSION_MEMORY_MB = 64;
/** HTTP/2 streams of one agent's connection: ADS, one spare, the report and a few short calls. */
const CONCURRENT_STREAMS_MAX = 64;
/** How long a stop waits for calls that are answered anyway. ADS streams never end by themselves. */
const STOP_GRACE_MS = 500;
/** An agent whose host is gone says nothing: without this it would count as connected for a quarter of an hour. */
const KEEPALIVE_MS = { time: 10_000, timeout: 5_000 };

const CODES: Readonly<Record<StreamFailure, status>> = {
  unavailable: status.UNAVAILABLE,
  'invalid-argument': status.INVALID_ARGUMENT,
  'permission-denied': status.PERMISSION_DENIED,
};

export class XdsServer {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #init: XdsServerInit;
  readonly #streams: GatewayStreams;
  readonly #server: Server;
  /** One function per open report stream, which ends it. */
  readonly #reports = new Set<() => void>();
  readonly #remote: RemotePort | undefined;

  constructor(components: { clock: Clock; log: Logger; metrics: Metrics }, init: XdsServerInit) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#init = init;
    this.#streams = new GatewayStreams(components, { untilFirstSnapshot: 'refuse', sameGateway: 'replace' });
    this.#server = new Server({
      'grpc.max_receive_message_length': REQUEST_BYTES_MAX,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': CONCURRENT_STREAMS_MAX,
      'grpc-node.max_session_memory': SESSION_MEMORY_MB,
      'grpc.keepalive_time_ms': KEEPALIVE_MS.time,
      'grpc.keepalive_timeout_ms': KEEPALIVE_MS.timeout,
      'grpc.enable_channelz': 0,
    });
    this.#addServices();
    this.#remote = init.remote === undefined ? undefined : new RemotePort(components, this.#server, init.remote);
  }

  get ledger(): Ledger {
    return this.#streams.ledger;
  }

  get snapshot(): Snapshot {
    return this.#streams.snapshot;
  }

  /** The bound TCP port; undefined where there is none. */
  get port(): number | undefined {
    return this.#remote?.port;
  }

  /** New connections see it; those that are there go on. */
  renewSvid(svid: ServerSvid): void {
    this.#remote?.renewSvid(svid);
  }

  setSnapshot(snapshot: Snapshot): void {
    this.#streams.setSnapshot(snapshot);
  }

  /** Ends the streams of gateways, which then look for the controller that serves them. Reports go on. */
  turnAway(message: string): void {
    this.#streams.failAll(message);
  }

  /** ADS streams are refused as unavailable until the first snapshot is set. */
  async start(): Promise<void> {
    const { socketPath } = this.#init.listen;
    await clearSocketPath(socketPath);
    await this.#bind(`unix:${socketPath}`);
    await restrictSocket(socketPath);
    await this.#remote?.start();
  }

  /** Ends all streams, lets short calls finish within a grace, then closes every connection. */
  async close(): Promise<void> {
    const closed = Promise.withResolvers<void>();
    this.#remote?.stop();
    this.#server.tryShutdown(() => closed.resolve());
    this.#streams.failAll('the controller stops');
    for (const stop of this.#reports) stop();
    const force = this.#clock.after(STOP_GRACE_MS, () => {
      this.#server.forceShutdown();
      // The callback of tryShutdown is not called for sessions that were destroyed.
      closed.resolve();
    });
    await closed.promise;
    force.cancel();
    await this.#remote?.close();
  }

  #bind(address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(new IsthmusError('xds-bind', 'cannot listen for gateways', { cause: error, fields: { address } }));
      });
    });
  }

  #addServices(): void {
    const { handlers } = this.#init;
    this.#server.addService(
      { DeltaAggregatedResources: framesMethod(METHODS.ads) },
      { DeltaAggregatedResources: (call: ServerDuplexStream<Buffer, Buffer>) => this.#ads(call) },
    );
    this.#server.addService(
      {
        Attach: unaryMethod(METHODS.attach, AttachRequestSchema, AttachResponseSchema),
        SignLeaf: unaryMethod(METHODS.signLeaf, SignLeafRequestSchema, SignLeafResponseSchema),
        Report: { ...unaryMethod(METHODS.report, GatewayReportSchema, ReportEndSchema), requestStream: true },
      },
      {
        Attach: this.#answer(AttachResponseSchema, (request: MessageShape<typeof AttachRequestSchema>) =>
          handlers.attach(request),
        ),
        SignLeaf: this.#answer(SignLeafResponseSchema, (request: MessageShape<typeof SignLeafRequestSchema>) =>
          handlers.signLeaf(request),
        ),
        Report: (
          call: ServerReadableStream<GatewayReport, MessageShape<typeof ReportEndSchema>>,
          end: sendUnaryData<MessageShape<typeof ReportEndSchema>>,
        ) => this.#report(call, end),
      },
    );
  }

  #ads(call: ServerDuplexStream<Buffer, Buffer>): void {
    const frameCall = asFrameCall(call);
    const elsewhere = this.#init.turnedAway?.();
    if (elsewhere !== undefined) {
      call.on('error', () => undefined); // it is the answer
      frameCall.fail('unavailable', elsewhere);
      return;
    }
    const entry = this.#entryOf(call);
    const [claimed] = call.metadata.get(GATEWAY_METADATA);
    const stream = this.#streams.open(frameCall, entry?.gateway ?? claimed?.toString());
    // An error that ends a call also emits `error`; without a listener it would end the process.
    call.on('error', () => this.#streams.closed(frameCall));
    if (stream === undefined) return;
    entry?.ended.addEventListener('abort', () => {
      this.#streams.closed(frameCall);
      frameCall.fail('unavailable', errorText(entry.ended.reason));
    });
    // Headers at once: an agent keeps a spare stream open and knows by them that it would be served.
    call.sendMetadata(new Metadata());
    call.on('data', (frame: Buffer) => stream.receive(frame));
    call.on('drain', () => stream.drained());
    call.on('cancelled', () => this.#streams.closed(frameCall));
    call.on('end', () => {
      this.#streams.closed(frameCall);
      call.end();
    });
  }

  #report(
    call: ServerReadableStream<GatewayReport, MessageShape<typeof ReportEndSchema>>,
    end: sendUnaryData<MessageShape<typeof ReportEndSchema>>,
  ): void {
    const entry = this.#entryOf(call);
    let gateway: string | undefined;
    const finish = (): void => {
      if (!this.#reports.delete(stop)) return;
      if (gateway !== undefined) this.#init.handlers.reportEnded(gateway);
    };
    const fail = (code: status, details: string): void => {
      finish();
      end({ code, details });
    };
    const stop = (): void => fail(status.UNAVAILABLE, 'the controller stops');
    this.#reports.add(stop);
    entry?.ended.addEventListener('abort', () => fail(status.UNAVAILABLE, errorText(entry.ended.reason)));
    call.on('data', (report: GatewayReport) => {
      if (!this.#reports.has(stop)) return;
      if (!speaksFor(entry, report.gateway)) {
        fail(status.PERMISSION_DENIED, NOT_THIS_GATEWAY);
        return;
      }
      gateway = report.gateway;
      this.#init.handlers.report(report);
    });
    call.on('error', finish);
    call.on('cancelled', finish);
    call.on('end', () => {
      finish();
      end(null, create(ReportEndSchema));
    });
  }

  #answer<Request extends { readonly gateway: string }, Schema extends DescMessage>(
    schema: Schema,
    handler: (request: Request) => Promise<MessageInitShape<Schema>>,
  ): handleUnaryCall<Request, MessageShape<Schema>> {
    return (call, done) => {
      const elsewhere = this.#init.turnedAway?.();
      if (elsewhere !== undefined) {
        done({ code: status.UNAVAILABLE, details: elsewhere });
        return;
      }
      if (!speaksFor(this.#entryOf(call), call.request.gateway)) {
        done({ code: status.PERMISSION_DENIED, details: NOT_THIS_GATEWAY });
        return;
      }
      handler(call.request).then(
        (response) => done(null, create(schema, response)),
        (error: unknown) => done(this.#toStatus(error)),
      );
    };
  }

  /** Undefined for who came through the unix socket, whose file mode is the proof. */
  #entryOf(call: { readonly metadata: Metadata; getPeer(): string }): Entry | undefined {
    const entry = this.#remote?.entryOf(call.metadata);
    // No call on the port gets past the gate without; if one did, it must not be served as if it were on the socket.
    if (entry === undefined && call.getPeer() !== SOCKET_PEER) throw new GateError('unauthenticated', 'not let in');
    return entry;
  }

  #toStatus(error: unknown): { code: status; details: string } {
    if (error instanceof IsthmusError)
      return { code: status.FAILED_PRECONDITION, details: `${error.code}: ${error.message}` };
    this.#log.error('agent call failed', { reason: errorText(error) });
    return { code: status.INTERNAL, details: 'internal error, see the log of the controller' };
  }
}

function asFrameCall(call: ServerDuplexStream<Buffer, Buffer>): FrameCall {
  return {
    write: (frame) => call.write(frame),
    fail: (why, message) => void call.emit('error', { code: CODES[why], details: message }),
  };
}

/** What the gRPC library calls a peer without an address. */
const SOCKET_PEER = 'unknown';
const NOT_THIS_GATEWAY = 'this caller may not speak for that gateway';

function speaksFor(entry: Entry | undefined, gateway: string): boolean {
  return entry === undefined || entry.gateway === gateway;
}
