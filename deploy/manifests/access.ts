import { OWN_NAMES } from '../../kubernetes/names.ts';
import { clusterWideName, inNamespace, labels, type Installation, type Manifest } from './common.ts';

/**
 * The rights of the controllers; gateways have none. Least privilege is proved by `tests/kube/sites`: every rule here is
 * used, and nothing is asked for that is not here. No secrets outside the own namespace.
 */
const RBAC = 'rbac.authorization.k8s.io/v1';
const READ = ['list', 'watch'];
/** Server-side apply is a patch, and a create where the object is new. */
const APPLY = ['create', 'patch'];

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export const CLUSTER_RULES: readonly Rule[] = [
  { apiGroups: [''], resources: ['namespaces', 'nodes'], verbs: READ },
  { apiGroups: [''], resources: ['services'], verbs: [...READ, ...APPLY, 'delete'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: [...READ, ...APPLY, 'delete'] },
  { apiGroups: ['multicluster.x-k8s.io'], resources: ['serviceexports'], verbs: READ },
  { apiGroups: ['multicluster.x-k8s.io'], resources: ['serviceimports'], verbs: [...READ, ...APPLY, 'delete'] },
  {
    apiGroups: ['multicluster.x-k8s.io'],
    resources: ['serviceexports/status', 'serviceimports/status'],
    verbs: ['patch'],
  },
  { apiGroups: ['isthmus.dev'], resources: ['clustersets', 'exportgrants', 'failoverpolicies'], verbs: READ },
  { apiGroups: ['isthmus.dev'], resources: ['peers'], verbs: [...READ, ...APPLY, 'delete'] },
  {
    apiGroups: ['isthmus.dev'],
    resources: ['clustersets/status', 'exportgrants/status', 'failoverpolicies/status', 'peers/status'],
    verbs: ['patch'],
  },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: APPLY },
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
];

/** `create` cannot be limited to names; everything else is. */
export const NAMESPACE_RULES: readonly Rule[] = [
  { apiGroups: [''], resources: ['secrets', 'configmaps'], verbs: ['create'] },
  {
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: [OWN_NAMES.keys, OWN_NAMES.journal, OWN_NAMES.joinToken],
    verbs: ['get'],
  },
  // The journal is the authority's, which cannot leave its clusterset; a token is written by others.
  { apiGroups: [''], resources: ['secrets'], resourceNames: [OWN_NAMES.keys, OWN_NAMES.journal], verbs: ['update'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: [OWN_NAMES.keys, OWN_NAMES.joinToken], verbs: ['delete'] },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: [OWN_NAMES.marks, OWN_NAMES.ports, OWN_NAMES.trust],
    verbs: ['get', 'update', 'delete'],
  },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: [OWN_NAMES.leave],
    verbs: ['get', 'list', 'watch', 'update', 'delete'],
  },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [OWN_NAMES.lease],
    verbs: ['get', 'update'],
  },
];

export function accessManifests(installation: Installation): readonly Manifest[] {
  const { namespace } = installation.release;
  const wide = { name: clusterWideName(installation), labels: labels('controller', installation) };
  const subjects = [{ kind: 'ServiceAccount', name: OWN_NAMES.controller, namespace }];
  const roleRef = (kind: string, name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
  const own = inNamespace(OWN_NAMES.controller, 'controller', installation);
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: own },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: inNamespace(OWN_NAMES.gateway, 'gateway', installation),
      automountServiceAccountToken: false,
    },
    { apiVersion: RBAC, kind: 'ClusterRole', metadata: wide, rules: CLUSTER_RULES },
    {
      apiVersion: RBAC,
      kind: 'ClusterRoleBinding',
      metadata: wide,
      roleRef: roleRef('ClusterRole', wide.name),
      subjects,
    },
    { apiVersion: RBAC, kind: 'Role', metadata: own, rules: NAMESPACE_RULES },
    { apiVersion: RBAC, kind: 'RoleBinding', metadata: own, roleRef: roleRef('Role', own.name), subjects },
  ];
}
