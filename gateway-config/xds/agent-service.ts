import { type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type {
  AttachRequest,
  AttachResponseSchema,
  GatewayReport,
  SignLeafRequest,
  SignLeafResponseSchema,
} from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';

/** What the controller answers its gateway agents, beside ADS. The server checks framing and limits, nothing else. */
export interface AgentHandlers {
  /** At every agent start, and when an agent finds its controller again. An IsthmusError is told to the agent, anything else is an internal error. */
  attach(request: AttachRequest): Promise<MessageInitShape<typeof AttachResponseSchema>>;
  /** The handler checks the proof of possession and signs for the attached gateway's own identity only. */
  signLeaf(request: SignLeafRequest): Promise<MessageInitShape<typeof SignLeafResponseSchema>>;
  /** On change, and at least every 5 s while the gateway lives. */
  report(report: GatewayReport): void;
  /** The gateway's report stream ended: nothing is known of it any more. */
  reportEnded(gateway: string): void;
}

/** Metadata key of every call: the gateway that the agent speaks for, known before anything is parsed. */
export const GATEWAY_METADATA = 'isthmus-gateway';
/** `Bearer TOKEN`, where agent and controller do not share a unix socket. */
export const AUTHORIZATION_METADATA = 'authorization';
/** What agents send as TLS server name: the same to every controller, because its SPIFFE ID is what is checked. */
export const TLS_SERVER_NAME = 'isthmus-controller';

export const METHODS = {
  ads: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  sds: '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets',
  attach: '/isthmus.agent.v1.GatewayAgent/Attach',
  signLeaf: '/isthmus.agent.v1.GatewayAgent/SignLeaf',
  report: '/isthmus.agent.v1.GatewayAgent/Report',
} as const;

/** A call with one request, as the gRPC library wants it described. */
export function unaryMethod(path: string, request: DescMessage, response: DescMessage) {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: MessageShape<DescMessage>) => Buffer.from(toBinary(request, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(request, bytes),
    responseSerialize: (message: MessageShape<DescMessage>) => Buffer.from(toBinary(response, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(response, bytes),
  };
}

/** Frames are passed as bytes. */
export function framesMethod(path: string) {
  const frame = (bytes: Buffer): Buffer => bytes;
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: frame,
    requestDeserialize: frame,
    responseSerialize: frame,
    responseDeserialize: frame,
  };
}
