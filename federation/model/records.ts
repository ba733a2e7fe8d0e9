import type { ClusterId, NetworkId } from './ids.ts';

/**
 * What a cluster publishes (DESIGN section 5). A record is a key and the exact JSON bytes its owner wrote; those
 * bytes are what is hashed and signed, so they are never re-encoded on the way.
 */
export const RECORD_SCHEMA = 1;

/** `cluster`, `gateway/NAME`, `service/NS/NAME`, `chain/SHA256`, `facts/NAME` */
export type RecordKey = string;
export type RecordBytes = Uint8Array;
export type RecordSet = ReadonlyMap<RecordKey, RecordBytes>;

export interface ClusterRecord {
  readonly kind: 'cluster';
  readonly schema: number;
  readonly network: NetworkId;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly softwareVersion: string;
  /** Record schemas this controller can read, lowest and highest. */
  readonly schemaRange: readonly [number, number];
  readonly capabilities: readonly string[];
  readonly transit: boolean;
  /** The last word of a cluster that leaves: it exports nothing any more, and others let it go at once. */
  readonly goodbye?: true | undefined;
}

export interface GatewayAddress {
  /** IP address or DNS name. Data, never dialled by a controller. */
  readonly host: string;
  readonly port: number;
}

export interface GatewayRecord {
  readonly kind: 'gateway';
  readonly name: string;
  readonly addresses: readonly GatewayAddress[];
  /** Relative share of this gateway among its cluster's, 1 to 1000. */
  readonly weight: number;
  readonly draining: boolean;
  readonly modes: readonly ('http' | 'tcp' | 'udp')[];
}

export type AppProtocol = 'http' | 'http2' | 'grpc' | 'tcp';

export interface ServicePort {
  /** Empty only when the service has one port. */
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
  /** How the gateway treats it; from `appProtocol` or the port's name; unknown is `tcp`. */
  readonly appProtocol: AppProtocol;
}

/** How many endpoints are ready behind one port, per locality. A port without an entry, or with 0, is unavailable. */
export interface ReadyWeight {
  readonly port: number;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly ready: number;
}

/**
 * One ready endpoint by itself. Published only by clusters whose pods other clusters reach directly; everywhere else pods
 * stay home.
 */
export interface RecordEndpoint {
  /** IP address that the other clusters of the network can route to. */
  readonly address: string;
  /** DNS label of a headless service's pod. */
  readonly hostname?: string | undefined;
  readonly zone?: string | undefined;
  /** The endpoint's port behind each of the service's ports, in their order; 0 where it does not offer that one. */
  readonly ports: readonly number[];
}

export interface ServiceRecord {
  readonly kind: 'service';
  readonly namespace: string;
  readonly name: string;
  readonly type: 'ClusterSetIP' | 'Headless';
  readonly ports: readonly ServicePort[];
  readonly sessionAffinity: 'None' | 'ClientIP';
  readonly sessionAffinityTimeoutS?: number | undefined;
  readonly internalTrafficPolicy?: 'Cluster' | 'Local' | undefined;
  readonly trafficDistribution?: string | undefined;
  /** Creation time of the export, ms since 1970: conflicts are resolved for the oldest. */
  readonly exportedAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ready: readonly ReadyWeight[];
  /** Only with direct pod routing. Absent: reached through gateways. */
  readonly endpoints?: readonly RecordEndpoint[] | undefined;
  /** Clusters that may call it. Absent: every active member. */
  readonly grantedTo?: readonly ClusterId[] | undefined;
}

/** The signer's certificate chain, referenced by the head through its hash: leaf first, DER in base64, root left out. */
export interface ChainRecord {
  readonly kind: 'chain';
  readonly certificates: readonly string[];
}

export type FederationRecord = ClusterRecord | GatewayRecord | ServiceRecord | ChainRecord;

/** Limits on everything that comes from elsewhere. Exceeding one keeps that cluster at its last good. */
export interface RecordLimits {
  readonly recordBytesMax: number;
  readonly recordsMax: number;
  readonly totalBytesMax: number;
  readonly servicesMax: number;
  readonly gatewaysMax: number;
  readonly portsPerServiceMax: number;
}

export const DEFAULT_RECORD_LIMITS: RecordLimits = {
  recordBytesMax: 256 * 1024,
  recordsMax: 12_000,
  totalBytesMax: 32 * 1024 * 1024,
  servicesMax: 10_000,
  gatewaysMax: 64,
  portsPerServiceMax: 100,
};
