/**
 * The snapshot: every xDS resource of one gateway set, each encoded once. A resource's version is the hash of its bytes,
 * so equal content is never sent twice, whoever made it and whenever (also after a restart of the controller).
 */
export const TYPE_URL = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;

export type TypeUrl = (typeof TYPE_URL)[keyof typeof TYPE_URL];

/** Order of sending (xDS protocol, "Eventual consistency considerations"): make before break. */
export const TYPE_ORDER: readonly TypeUrl[] = [
  TYPE_URL.secret,
  TYPE_URL.cluster,
  TYPE_URL.endpoints,
  TYPE_URL.listener,
  TYPE_URL.route,
];

export interface Resource {
  readonly name: string;
  /** First 16 hex digits of sha256 over the resource's own bytes. */
  readonly version: string;
  /** A whole serialized `envoy.service.discovery.v3.Resource` (name, version, Any), ready to be spliced into responses. */
  readonly encoded: Uint8Array;
}

/** name -> resource, sorted by name */
export type ResourceMap = ReadonlyMap<string, Resource>;

export interface Snapshot {
  readonly resources: ReadonlyMap<TypeUrl, ResourceMap>;
}

const NO_RESOURCES: ResourceMap = new Map();
export const EMPTY_SNAPSHOT: Snapshot = { resources: new Map() };

export function resourcesOf(snapshot: Snapshot, type: TypeUrl): ResourceMap {
  return snapshot.resources.get(type) ?? NO_RESOURCES;
}
