import type { ClusterId, NetworkId, ServicePortKey } from '../federation/model/ids.ts';
import type { HealthCheck } from '../federation/model/local.ts';
import type { AppProtocol } from '../federation/model/records.ts';

/**
 * GatewayIR: what one gateway set must do, in our words and before any Envoy word. Compiled from state, local view and
 * trust by `compile.ts`; turned into xDS resources by `resources/`. Plain data, sorted, deterministic, no secrets
 * except the void token, whose text form is redacted.
 */
export interface GatewayIR {
  readonly cluster: ClusterId;
  /** For access logs and metrics only. */
  readonly network?: NetworkId | undefined;
  /** e.g. `prod.example.org` */
  readonly clustersetDomain: string;
  readonly gatewaySet: string;
  readonly eastWest: { readonly address: string; readonly port: number };
  /** Sorted by cluster. Everyone this gateway may call or be called by: active members with a CA in the roster. */
  readonly peers: readonly PeerIR[];
  /** Sorted by service. What local workloads can reach: one listener each. */
  readonly egress: readonly EgressIR[];
  /** Sorted by service. What this cluster exports. */
  readonly exports: readonly ExportIR[];
  /**
   * Sorted by caller. What each peer may call: absence is the refusal. Members that are not active have an entry with
   * empty lists, so that a connection which outlives their filter chains for the drain time finds an empty table.
   */
  readonly ingress: readonly IngressIR[];
  readonly voidToken: VoidToken;
}

/** The secret marker of the last-resort answer. Shared by bootstrap and routes of one site, never on a network. */
export class VoidToken {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return '[redacted]';
  }
  toJSON(): string {
    return '[redacted]';
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[redacted]';
  }
}

export interface PeerIR {
  readonly cluster: ClusterId;
  /** For access logs and metrics only; unknown until its records arrive. */
  readonly network?: NetworkId | undefined;
  /** Exact SPIFFE ID its gateways show: `spiffe://CLUSTER.DOMAIN/gateway/SET`. */
  readonly identity: string;
  /** PEM of the peer's own cluster CA certificates (current and next), the only anchors for it. */
  readonly anchorsPem: string;
  /** Its gateways. Empty: nothing can be sent there, but it may still call us. */
  readonly gateways: readonly { readonly address: string; readonly port: number; readonly weight: number }[];
}

export type EgressProtocol = AppProtocol;

export interface EndpointIR {
  readonly address: string;
  readonly port: number;
  readonly zone?: string | undefined;
}

export interface EgressIR {
  readonly service: ServicePortKey;
  readonly protocol: EgressProtocol;
  readonly listen: { readonly address: string; readonly port: number };
  /** Own ready endpoints. */
  readonly local: readonly EndpointIR[];
  /**
   * Failover order of the peers: each tier is tried when the earlier ones cannot serve; within a tier by
   * weight. All weights are above 0.
   */
  readonly tiers: readonly (readonly WeightedPeer[])[];
  /** How many of the tiers are tried before the local endpoints. Absent: none, local is first. Never more than there are. */
  readonly localAfter?: number | undefined;
  /**
   * TCP only, sorted: every active peer that exports the service, serving or not. It changes with exports, not with
   * liveness, so that a peer's coming and going edits endpoints and leaves the Envoy cluster (and its connections) alone.
   */
  readonly carriers?: readonly ClusterId[] | undefined;
}

export interface WeightedPeer {
  readonly cluster: ClusterId;
  readonly weight: number;
}

export interface ExportIR {
  readonly service: ServicePortKey;
  readonly protocol: EgressProtocol;
  readonly endpoints: readonly EndpointIR[];
  readonly healthCheck?: HealthCheck | undefined;
}

export interface IngressIR {
  readonly caller: ClusterId;
  /** Exported and granted to this caller, by how they are carried. Sorted. */
  readonly http: readonly ServicePortKey[];
  readonly tcp: readonly ServicePortKey[];
}
