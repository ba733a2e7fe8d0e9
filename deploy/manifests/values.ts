import { z } from 'zod';
import { cidr, dnsLabel, dnsName, durationMs, port } from '../../sources/documents/fields.ts';
import { DEFAULT_NAMESPACE } from '../../kubernetes/names.ts';

/**
 * What an installation in a cluster is made from: `values.yaml` of the chart and the flags of `isthmus install`. One
 * schema for both; `deploy/chart/values.schema.json` and the table in `docs/reference/install.md` are made from it.
 */
const CIDRS_MAX = 32;
const STORES_MAX = 4;
const REPLICAS_MAX = 10;

const quantity = z
  .string()
  .regex(/^[0-9]+(\.[0-9]+)?(m|[kMGTPE]i?)?$/, { error: 'not a quantity such as 100m or 256Mi' });
/** Merged with what is given, as helm merges maps. */
function resources(defaults: { readonly cpu: string; readonly memory: string; readonly memoryLimit: string }) {
  return z
    .strictObject({
      requests: z
        .strictObject({ cpu: quantity.default(defaults.cpu), memory: quantity.default(defaults.memory) })
        .prefault({}),
      limits: z.strictObject({ cpu: quantity.optional(), memory: quantity.default(defaults.memoryLimit) }).prefault({}),
    })
    .prefault({});
}
const labels = z.record(z.string().max(317), z.string().max(4_096));
/** A duration as the Site takes it; kept as text, because it is handed on. */
const duration = z.string().refine((text) => durationMs({ min: '0s', max: '24h' }).safeParse(text).success, {
  error: 'not a duration such as 30s',
});

const IMAGE = z
  .strictObject({
    repository: z.string().min(1).max(255).default('isthmus').describe('Image without tag.'),
    tag: z.string().max(128).default('').describe('Default: the version of the chart.'),
    digest: z
      .string()
      .regex(/^(sha256:[0-9a-f]{64})?$/, { error: 'not sha256: and 64 hex digits' })
      .default('')
      .describe('Pins the image; takes the place of the tag.'),
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent').describe('As in Kubernetes.'),
    pullSecrets: z.array(dnsName('Secret')).max(8).default([]).describe('Secrets of the namespace for the registry.'),
  })
  .describe('The one image of controller and gateways.');

const CONTROLLER = z
  .strictObject({
    replicas: z.int().min(1).max(REPLICAS_MAX).default(2).describe('One leads, the others take over.'),
    resources: resources({ cpu: '100m', memory: '256Mi', memoryLimit: '1Gi' }).describe('Of each controller.'),
  })
  .describe('The controllers.');

const GATEWAY = z
  .strictObject({
    replicas: z.int().min(1).max(REPLICAS_MAX).default(2).describe('Gateway pods: agent and Envoy.'),
    addresses: z
      .array(z.string().min(1).max(253))
      .max(1)
      .default([])
      .describe('Address that other clusters reach; default: what the Service tells (load balancer, else node port).'),
    service: z
      .strictObject({
        type: z.enum(['LoadBalancer', 'NodePort', 'ClusterIP']).default('LoadBalancer').describe('Of the Service.'),
        port: port().default(15_443).describe('Port that other clusters connect to.'),
        nodePort: z.int().min(0).max(32_767).default(0).describe('0: the cluster chooses.'),
        annotations: labels.default({}).describe('For the load balancer of your cloud.'),
        externalTrafficPolicy: z.enum(['Cluster', 'Local']).default('Cluster').describe('As in Kubernetes.'),
      })
      .prefault({})
      .describe('How other clusters reach the gateways.'),
    resources: resources({ cpu: '100m', memory: '192Mi', memoryLimit: '1Gi' }).describe('Of each gateway.'),
  })
  .describe('The east-west gateways.');

const STORE_SERVER = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe('Serve the store of the clusterset from this cluster (authority only).'),
    service: z
      .strictObject({
        type: z.enum(['LoadBalancer', 'NodePort', 'ClusterIP']).default('LoadBalancer').describe('Of the Service.'),
        nodePort: z.int().min(0).max(32_767).default(0).describe('0: the cluster chooses.'),
        annotations: labels.default({}).describe('For the load balancer of your cloud.'),
      })
      .prefault({})
      .describe('How other clusters reach the store.'),
    advertise: z.string().max(260).default('').describe('HOST:PORT in join tokens; default: what the Service tells.'),
  })
  .describe('The store server, for clustersets without Redis or Valkey.');

export const VALUES_SCHEMA = z.strictObject({
  cluster: dnsLabel('cluster name').describe('Name of this cluster, unique in the clusterset.'),
  clusterset: dnsName('clusterset').describe('DNS name of the clusterset, e.g. prod.example.org.'),
  network: z.string().max(63).default('').describe('Network of this cluster; default: one of its own, by its name.'),
  region: z.string().max(63).default('').describe('Region, for the order of failover.'),
  zone: z
    .string()
    .max(63)
    .default('')
    .describe('Zone, for the order of failover; of the endpoints it is known anyway.'),
  authority: z.boolean().default(false).describe('Hold the root key and admit the other clusters.'),
  store: z
    .array(z.string().min(1).max(2_048))
    .max(STORES_MAX)
    .default([])
    .describe('URLs of the shared store; default: what the join token says.'),
  joinStore: z
    .string()
    .max(2_048)
    .default('')
    .describe('Store address for join tokens, when the one of `store` has a login.'),
  storeSecret: z
    .string()
    .max(253)
    .default('')
    .describe('Secret that is mounted at /etc/isthmus-store: passwords and certificates that `store` names.'),
  podRouting: z
    .enum(['gateway', 'direct'])
    .default('gateway')
    .describe('`direct`: clusters of this network reach its pods themselves.'),
  podCIDRs: z.array(cidr()).max(CIDRS_MAX).default([]).describe('Pod ranges of this cluster.'),
  serviceCIDRs: z.array(cidr()).max(CIDRS_MAX).default([]).describe('Service ranges of this cluster.'),
  imports: z
    .array(z.string().max(127))
    .max(1_000)
    .default([])
    .describe('Namespaces, or NAMESPACE/NAME, to take in; default: all.'),
  failBackAfter: duration
    .default('30s')
    .describe('How long a peer that came back must be good before it gets traffic.'),
  withdrawAfter: duration.default('10s').describe('How long a dead peer must fail its probes before it is withdrawn.'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least severe log line written.'),
  dev: z.boolean().default(false).describe('Development clusterset: gateway addresses may be loopback addresses.'),
  image: IMAGE.prefault({}),
  controller: CONTROLLER.prefault({}),
  gateway: GATEWAY.prefault({}),
  storeServer: STORE_SERVER.prefault({}),
  dns: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Answer for clusterset.local.'),
      clusterIP: z.string().max(45).default('').describe('Fixed address of the DNS Service; default: any.'),
    })
    .prefault({})
    .describe('DNS for clusterset.local, where CoreDNS is older than 1.12.2.'),
  networkPolicy: z
    .strictObject({ enabled: z.boolean().default(true).describe('Who may connect to controllers and gateways.') })
    .prefault({})
    .describe('NetworkPolicies of the own pods.'),
  podDisruptionBudget: z
    .strictObject({ enabled: z.boolean().default(true).describe('One of each kind stays up while nodes are drained.') })
    .prefault({})
    .describe('PodDisruptionBudgets.'),
  serviceMonitor: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Needs the Prometheus operator.'),
      interval: duration.default('30s').describe('Between two scrapes.'),
      labels: labels.default({}).describe('That your Prometheus selects by.'),
    })
    .prefault({})
    .describe('Scraping by the Prometheus operator.'),
});

export type InstallValues = z.output<typeof VALUES_SCHEMA>;

/** Beside the values: what `helm` has of its own. */
export interface Release {
  readonly namespace: string;
  readonly version: string;
}

export const DEFAULT_RELEASE = { namespace: DEFAULT_NAMESPACE } as const;
