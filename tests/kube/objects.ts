/**
 * Objects of a cluster as its users and built-in controllers write them: the least that the API server takes, and what a
 * test says on top. `TestClient.create` writes a status too.
 */
import type {
  EndpointObject,
  EndpointSliceObject,
  KubeObject,
  NamespaceObject,
  NodeObject,
  ServiceExportObject,
  ServiceObject,
} from '../../kubernetes/api/objects.ts';
import type { Resource } from '../../kubernetes/api/resources.ts';
import { SERVICE_NAME_LABEL, SLICE_MANAGED_BY_LABEL } from '../../kubernetes/names.ts';

/** Kinds that only tests write. */
export const PODS: Resource = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', scope: 'Namespaced' };
export const SERVICE_ACCOUNTS: Resource = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  scope: 'Namespaced',
};

type ServiceSpec = NonNullable<ServiceObject['spec']>;
type Labels = Readonly<Record<string, string>>;

export interface Named {
  readonly namespace: string;
  readonly name: string;
}

export interface PodObject extends KubeObject {
  readonly spec: unknown;
  readonly status: unknown;
}

export function namespace(name: string, labels: Labels = {}): NamespaceObject {
  return { metadata: { name, labels } };
}

/** Ready, in a zone. The endpoint slice controller leaves pods of unknown nodes out. */
export function node(
  name: string,
  init: { readonly zone?: string; readonly addresses?: readonly string[] } = {},
): NodeObject {
  const { zone = 'z1', addresses = [] } = init;
  return {
    metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
    spec: {},
    status: {
      addresses: addresses.map((address) => ({ type: 'InternalIP', address })),
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

/** Without a `selector` the slices are the test's own to write. Default: TCP port 80 named `http`. */
export function service(of: Named, spec: ServiceSpec = {}, labels: Labels = {}): ServiceObject {
  return { metadata: { ...of, labels }, spec: { ports: [{ name: 'http', protocol: 'TCP', port: 80 }], ...spec } };
}

export function headlessService(of: Named, spec: ServiceSpec = {}): ServiceObject {
  return service(of, { clusterIP: 'None', ...spec });
}

export interface SliceInit {
  /** Of the Service. */
  readonly service: string;
  readonly addressType?: EndpointSliceObject['addressType'];
  /** Default: all ready, no zone. */
  readonly endpoints: readonly (string | EndpointObject)[];
  /** Default: TCP port 8080 named `http`. */
  readonly ports?: EndpointSliceObject['ports'];
}

/** As the endpoint slice controller writes it, but by the test: it is nobody's to change or sweep. */
export function endpointSlice(of: Named, init: SliceInit): EndpointSliceObject {
  const { addressType = 'IPv4', endpoints, ports = [{ name: 'http', protocol: 'TCP', port: 8080 }] } = init;
  return {
    metadata: { ...of, labels: { [SERVICE_NAME_LABEL]: init.service, [SLICE_MANAGED_BY_LABEL]: 'test.isthmus.dev' } },
    addressType,
    endpoints: endpoints.map((endpoint) =>
      typeof endpoint === 'string' ? { addresses: [endpoint], conditions: { ready: true } } : endpoint,
    ),
    ports,
  };
}

export function serviceExport(of: Named, spec: ServiceExportObject['spec'] = {}): ServiceExportObject {
  return { metadata: { ...of }, spec };
}

export function serviceAccount(of: Named): KubeObject {
  return { metadata: { ...of } };
}

export interface PodInit {
  readonly ip: string;
  readonly node: string;
  /** Default true. */
  readonly ready?: boolean;
  readonly labels?: Labels;
  /** With the subdomain of a headless Service it becomes the endpoint's hostname. */
  readonly hostname?: string;
  readonly subdomain?: string;
  readonly serviceAccountName?: string;
}

/** Running on a node, which no kubelet made so; its deletion needs nobody to confirm it. */
export function pod(of: Named, init: PodInit): PodObject {
  const { ip, ready = true, labels = {}, hostname, subdomain, serviceAccountName } = init;
  return {
    metadata: { ...of, labels },
    spec: {
      nodeName: init.node,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'app', image: 'none.invalid/app' }],
      ...(hostname === undefined ? {} : { hostname }),
      ...(subdomain === undefined ? {} : { subdomain }),
      ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}
