/** Names that users, charts, golden files and other clusters see. Changing one of them is a migration. */
export const DEFAULT_NAMESPACE = 'isthmus-system';
/** Server-side apply: all that we write is written as this manager, by every replica and version. */
export const FIELD_MANAGER = 'isthmus';
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
export const MANAGED_BY = 'isthmus';
/** Of EndpointSlices: the built-in controllers keep away from slices of another manager. */
export const SLICE_MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
export const SLICE_MANAGED_BY = 'isthmus.dev';
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** MCS API (KEP-1645): labels of imported and exported slices. */
export const MCS_SERVICE_NAME_LABEL = 'multicluster.kubernetes.io/service-name';
export const MCS_SOURCE_CLUSTER_LABEL = 'multicluster.kubernetes.io/source-cluster';
/** On a derived Service: the ServiceImport of its namespace that it stands for. */
export const IMPORT_NAME_LABEL = 'isthmus.dev/service-import';

/** Objects of the own namespace. */
export const OWN_NAMES = {
  controller: 'isthmus-controller',
  gateway: 'isthmus-gateway',
  dns: 'isthmus-dns',
  store: 'isthmus-store',
  /** Secret: long-lived keys and what joining gave. */
  keys: 'isthmus-keys',
  /** Secret, authority only: redeemed tokens. */
  journal: 'isthmus-journal',
  /** Secret that `isthmus join` writes: key `token`. */
  joinToken: 'isthmus-join-token',
  /** ConfigMap that `isthmus leave --kubernetes` writes; gone when everything of the cluster is. */
  leave: 'isthmus-leave',
  /** ConfigMap: high-water marks. */
  marks: 'isthmus-marks',
  /** ConfigMap: gateway ports given out. */
  ports: 'isthmus-ports',
  /** ConfigMap: public anchors of this cluster, by which gateway agents know their controller. */
  trust: 'isthmus-trust',
  lease: 'isthmus-controller',
} as const;

/** Audience of the projected tokens by which gateway agents log in. */
export const GATEWAY_TOKEN_AUDIENCE = 'isthmus.dev/gateway';
export const XDS_PORT = 15_010;
export const DNS_PORT = 15_053;
