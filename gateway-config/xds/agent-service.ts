import type { MessageInitShape } from '@bufbuild/protobuf';
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

/** Metadata key of ADS streams: the gateway that the agent speaks for, known before anything is parsed. */
export const GATEWAY_METADATA = 'isthmus-gateway';

export const METHODS = {
  ads: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  sds: '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets',
  attach: '/isthmus.agent.v1.GatewayAgent/Attach',
  signLeaf: '/isthmus.agent.v1.GatewayAgent/SignLeaf',
  report: '/isthmus.agent.v1.GatewayAgent/Report',
} as const;
