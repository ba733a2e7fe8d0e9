import type { Head } from './head.ts';
import type { ClusterId, NetworkId, ServiceKey } from './ids.ts';
import type { ImportFilter } from './imports.ts';
import type {
  ClusterRecord,
  GatewayRecord,
  ReadyWeight,
  RecordEndpoint,
  ServicePort,
  ServiceRecord,
} from './records.ts';

/**
 * The merged, immutable state. Unchanged parts keep their identity from one state to the next, so `===` means
 * "nothing to do". Maps are sorted by key, so that every dump is deterministic.
 */

/** One cluster's records, verified by the accept rule and decoded. The own cluster has one too. */
export interface ClusterView {
  readonly cluster: ClusterId;
  readonly head: Head;
  /** When it joined, from the roster, ms since 1970: part of "oldest export". */
  readonly joinedAtMs: number;
  readonly info: ClusterRecord;
  readonly gateways: readonly GatewayRecord[];
  readonly services: ReadonlyMap<ServiceKey, ServiceRecord>;
}

export type LivenessVerdict = 'Live' | 'Stale' | 'Unreachable' | 'Gone';

export interface Liveness {
  readonly verdict: LivenessVerdict;
  /** Stable CamelCase word for status, events and metrics. */
  readonly reason: string;
  readonly message: string;
  /** Monotonic ms at which this verdict began. */
  readonly sinceMs: number;
}

export interface PeerState {
  readonly view: ClusterView;
  readonly liveness: Liveness;
  /**
   * False when the peer's endpoints are withdrawn (Gone), or demoted to standby (Unreachable, or fail-back not yet
   * over).
   */
  readonly serving: boolean;
}

/** The pods themselves, for clusters of the same network when it is declared directly routable. */
export interface DirectEndpoints {
  /** Numbers of the cluster's own ports, in the order of `RecordEndpoint.ports`. */
  readonly ports: readonly number[];
  readonly endpoints: readonly RecordEndpoint[];
}

/** One cluster's share of a merged service. */
export interface ServiceBackend {
  readonly cluster: ClusterId;
  readonly network: NetworkId;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  /** By the *merged* port number; ports this cluster does not offer are missing. */
  readonly ready: readonly ReadyWeight[];
  readonly grantedTo?: readonly ClusterId[] | undefined;
  /** Where its pods may be reached directly. */
  readonly direct?: DirectEndpoints | undefined;
  /**
   * True while its cluster is unreachable or held back before fail-back: to be used only after every backend without
   * it. Not left out, because then a crash of the rest would find nothing to fail over to.
   */
  readonly standby?: true | undefined;
}

/** Per namespace the clusters that may supply it. A namespace without an entry may come from any cluster. */
export type ImportPins = ReadonlyMap<string, readonly ClusterId[]>;

export interface ServiceConflict {
  /** The field that differs, e.g. `ports`, `sessionAffinity`. */
  readonly field: string;
  readonly winner: ClusterId;
  readonly losers: readonly ClusterId[];
  readonly message: string;
}

export interface MergedService {
  readonly key: ServiceKey;
  readonly type: ServiceRecord['type'];
  readonly ports: readonly ServicePort[];
  readonly sessionAffinity: ServiceRecord['sessionAffinity'];
  readonly sessionAffinityTimeoutS?: number | undefined;
  readonly internalTrafficPolicy?: ServiceRecord['internalTrafficPolicy'];
  readonly trafficDistribution?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Sorted by cluster; the own cluster included when it exports. */
  readonly backends: readonly ServiceBackend[];
  readonly conflicts: readonly ServiceConflict[];
}

export interface FederationState {
  readonly self: ClusterId;
  readonly own: ClusterView | undefined;
  readonly peers: ReadonlyMap<ClusterId, PeerState>;
  readonly services: ReadonlyMap<ServiceKey, MergedService>;
  readonly pins?: ImportPins | undefined;
  /** What of the other clusters was merged. Services that the own cluster exports are merged in any case. */
  readonly imports?: ImportFilter | undefined;
}
