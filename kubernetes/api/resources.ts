/** The kinds of objects that a controller reads or writes, and where they are found. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly scope: 'Namespaced' | 'Cluster';
}

function resource(apiVersion: string, kind: string, plural: string, scope: Resource['scope']): Resource {
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  return { group, version, kind, plural, scope };
}

export const NAMESPACES = resource('v1', 'Namespace', 'namespaces', 'Cluster');
export const NODES = resource('v1', 'Node', 'nodes', 'Cluster');
export const SERVICES = resource('v1', 'Service', 'services', 'Namespaced');
export const SECRETS = resource('v1', 'Secret', 'secrets', 'Namespaced');
export const DEPLOYMENTS = resource('apps/v1', 'Deployment', 'deployments', 'Namespaced');
export const CONFIG_MAPS = resource('v1', 'ConfigMap', 'configmaps', 'Namespaced');
export const EVENTS = resource('events.k8s.io/v1', 'Event', 'events', 'Namespaced');
export const LEASES = resource('coordination.k8s.io/v1', 'Lease', 'leases', 'Namespaced');
export const ENDPOINT_SLICES = resource('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', 'Namespaced');
export const TOKEN_REVIEWS = resource('authentication.k8s.io/v1', 'TokenReview', 'tokenreviews', 'Cluster');
export const CRDS = resource(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
  'Cluster',
);
export const SERVICE_EXPORTS = resource(
  'multicluster.x-k8s.io/v1beta1',
  'ServiceExport',
  'serviceexports',
  'Namespaced',
);
export const SERVICE_IMPORTS = resource(
  'multicluster.x-k8s.io/v1beta1',
  'ServiceImport',
  'serviceimports',
  'Namespaced',
);
export const CLUSTER_SETS = resource('isthmus.dev/v1alpha1', 'ClusterSet', 'clustersets', 'Cluster');
export const PEERS = resource('isthmus.dev/v1alpha1', 'Peer', 'peers', 'Cluster');
export const EXPORT_GRANTS = resource('isthmus.dev/v1alpha1', 'ExportGrant', 'exportgrants', 'Namespaced');
export const FAILOVER_POLICIES = resource('isthmus.dev/v1alpha1', 'FailoverPolicy', 'failoverpolicies', 'Namespaced');

/** `v1`, `discovery.k8s.io/v1` */
export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

/**
 * `/apis/GROUP/VERSION[/namespaces/NS]/PLURAL[/NAME[/SUBRESOURCE]]`. Without a namespace it is the collection over all
 * namespaces.
 */
export function pathOf(
  of: Resource,
  where: {
    readonly namespace?: string | undefined;
    readonly name?: string | undefined;
    readonly subresource?: string | undefined;
  } = {},
): string {
  const root = of.group === '' ? `/api/${of.version}` : `/apis/${of.group}/${of.version}`;
  const parts = [
    ...(where.namespace === undefined ? [] : ['namespaces', where.namespace]),
    of.plural,
    ...(where.name === undefined ? [] : [where.name]),
    ...(where.subresource === undefined ? [] : [where.subresource]),
  ];
  return `${root}/${parts.map(encodeURIComponent).join('/')}`;
}
