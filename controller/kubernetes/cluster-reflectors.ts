import type {
  EndpointSliceObject,
  KubeObject,
  NodeObject,
  ServiceImportObject,
  ServiceObject,
} from '../../kubernetes/api/objects.ts';
import {
  CLUSTER_SETS,
  ENDPOINT_SLICES,
  EXPORT_GRANTS,
  FAILOVER_POLICIES,
  NODES,
  PEERS,
  type Resource,
  SERVICE_EXPORTS,
  SERVICE_IMPORTS,
  SERVICES,
} from '../../kubernetes/api/resources.ts';
import {
  projectGatewayService,
  projectNode,
  type SlimGatewayService,
  type SlimNode,
} from '../../kubernetes/gateway-addresses.ts';
import { projectPodSlice, type PodSlice } from '../../kubernetes/gateway-pods.ts';
import { Reflector, type ReflectorComponents } from '../../kubernetes/list-watch/reflector.ts';
import { MANAGED_BY, MANAGED_BY_LABEL, OWN_NAMES, SERVICE_NAME_LABEL } from '../../kubernetes/names.ts';
import { asReflected } from '../../kubernetes/source/as-reflected.ts';
import { type ExportReflectors, exportReflectors } from '../../kubernetes/source/export-reflectors.ts';
import type { Reflected } from '../../kubernetes/source/reflected.ts';

/**
 * Everything that a controller watches in its cluster, by what it is for. Made at once and started by those who use it; what
 * was applied by us is watched by its label, so that the Services and slices of others are held in one form only.
 */
const OURS = `${MANAGED_BY_LABEL}=${MANAGED_BY}`;

export interface GatewayReflectors {
  readonly service: Reflected<SlimGatewayService>;
  readonly slices: Reflected<PodSlice>;
  readonly openNodes: () => Reflected<SlimNode>;
}

export interface ImportReflectors {
  /** Also those of others: their names are taken. */
  readonly imports: Reflector<ServiceImportObject>;
  readonly services: Reflector<ServiceObject>;
  readonly slices: Reflector<EndpointSliceObject>;
}

/** Objects whose status we write: of ServiceExports that alone, of our own kinds everything. */
export interface StatusReflectors {
  readonly exports: Reflector<KubeObject>;
  readonly grants: Reflector<KubeObject>;
  readonly policies: Reflector<KubeObject>;
  readonly clusterSets: Reflector<KubeObject>;
  readonly peers: Reflector<KubeObject>;
}

export class ClusterReflectors {
  readonly exports: ExportReflectors;
  readonly gateway: GatewayReflectors;
  readonly imports: ImportReflectors;
  readonly statuses: StatusReflectors;
  /** Our own DNS Service alone. */
  readonly dns: Reflector<ServiceObject>;

  constructor(components: ReflectorComponents, init: { readonly namespace: string }) {
    const { namespace } = init;
    this.exports = exportReflectors(components);
    this.gateway = {
      service: asReflected(
        new Reflector(components, {
          resource: SERVICES,
          namespace,
          fieldSelector: `metadata.name=${OWN_NAMES.gateway}`,
          project: (object) => projectGatewayService(object as ServiceObject), // the kind that was asked for, here and below
        }),
      ),
      slices: asReflected(
        new Reflector(components, {
          resource: ENDPOINT_SLICES,
          namespace,
          labelSelector: `${SERVICE_NAME_LABEL}=${OWN_NAMES.gateway}`,
          project: (object) => projectPodSlice(object as EndpointSliceObject),
        }),
      ),
      openNodes: () =>
        asReflected(
          new Reflector(components, { resource: NODES, project: (object) => projectNode(object as NodeObject) }),
        ),
    };
    const whole = <T extends KubeObject>(resource: Resource, labelSelector?: string): Reflector<T> =>
      new Reflector<T>(components, { resource, labelSelector, project: (object) => object as T });
    this.imports = {
      imports: whole<ServiceImportObject>(SERVICE_IMPORTS),
      services: whole<ServiceObject>(SERVICES, OURS),
      slices: whole<EndpointSliceObject>(ENDPOINT_SLICES, OURS),
    };
    this.dns = new Reflector<ServiceObject>(components, {
      resource: SERVICES,
      namespace,
      fieldSelector: `metadata.name=${OWN_NAMES.dns}`,
      project: (object) => object,
    });
    this.statuses = {
      exports: whole(SERVICE_EXPORTS),
      grants: whole(EXPORT_GRANTS),
      policies: whole(FAILOVER_POLICIES),
      clusterSets: whole(CLUSTER_SETS),
      peers: whole(PEERS),
    };
  }
}
