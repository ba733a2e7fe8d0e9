/**
 * The fields of Kubernetes objects that we read or write; API reference: Kubernetes 1.34, sigs.k8s.io/mcs-api v0.5. What
 * the server sends has more, and a reader takes nothing for granted that the API does not require.
 */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** `NAMESPACE/NAME`, or `NAME` of a cluster-scoped object. */
export type ObjectKey = string;

export function objectKey({ metadata: { namespace, name } }: KubeObject): ObjectKey {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** meta/v1 Condition. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. Changes only with `status`. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

/** A condition before it is compared with what is there: the time comes with the change. */
export type WantedCondition = Omit<Condition, 'lastTransitionTime'>;

export interface NamespaceObject extends KubeObject {
  readonly status?: { readonly phase?: string };
}

export interface NodeObject extends KubeObject {
  readonly spec?: { readonly unschedulable?: boolean };
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface ServiceObject extends KubeObject {
  readonly spec?: {
    readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly ipFamilies?: readonly string[];
    readonly ipFamilyPolicy?: string;
    readonly ports?: readonly ServicePortObject[];
    readonly selector?: Readonly<Record<string, string>>;
    readonly sessionAffinity?: 'None' | 'ClientIP';
    readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } };
    readonly internalTrafficPolicy?: 'Cluster' | 'Local';
    readonly trafficDistribution?: string;
    readonly publishNotReadyAddresses?: boolean;
    readonly externalTrafficPolicy?: string;
    readonly healthCheckNodePort?: number;
  };
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[];
    };
  };
}

export interface ServicePortObject {
  readonly name?: string;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  readonly appProtocol?: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly nodePort?: number;
}

export interface EndpointSliceObject extends KubeObject {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints?: readonly EndpointObject[] | null;
  readonly ports?: readonly EndpointPortObject[] | null;
}

export interface EndpointObject {
  readonly addresses: readonly string[];
  /** Absent `ready` means ready (discovery/v1). */
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly targetRef?: { readonly kind?: string; readonly namespace?: string; readonly name?: string };
}

export interface EndpointPortObject {
  readonly name?: string | null;
  readonly protocol?: string | null;
  readonly port?: number | null;
  readonly appProtocol?: string | null;
}

export interface ServiceExportObject extends KubeObject {
  readonly spec?: {
    readonly exportedLabels?: Readonly<Record<string, string>>;
    readonly exportedAnnotations?: Readonly<Record<string, string>>;
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface ServiceImportObject extends KubeObject {
  readonly spec?: {
    readonly type: 'ClusterSetIP' | 'Headless';
    readonly ports: readonly Omit<ServicePortObject, 'targetPort' | 'nodePort'>[];
    readonly ips?: readonly string[];
    readonly ipFamilies?: readonly string[];
    readonly sessionAffinity?: 'None' | 'ClientIP';
    readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } };
    readonly internalTrafficPolicy?: 'Cluster' | 'Local';
    readonly trafficDistribution?: string;
  };
  readonly status?: {
    readonly endpointSliceObjects?: 'Present' | 'Absent';
    readonly clusters?: readonly { readonly cluster: string }[];
    readonly conditions?: readonly Condition[];
  };
}
