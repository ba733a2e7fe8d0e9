import { z } from 'zod';
import { DEFAULT_NAMESPACE, DNS_PORT } from '../../kubernetes/names.ts';
import { SITE_LIMITS as LIMITS } from './site-fields.ts';
import { API_VERSION } from '../../sources/documents/validate.ts';
import { cidr, dnsLabel, dnsName, durationMs, hostOrAddress, ipAddress, port } from '../../sources/documents/fields.ts';
import { hostPort, importEntry, listenAddress, servicesPath, storeUrl } from './site-fields.ts';

/**
 * The kind `Site`: what one cluster is, and where its controller finds things. One source for validation, defaults, the
 * JSON Schema of `docs/reference/site.schema.json` and the field table of `docs/reference/config.md`.
 */
export const GATEWAY_SCHEMA = z
  .strictObject({
    name: dnsLabel('gateway name').describe('Name of the gateway set, unique in the site.'),
    address: hostOrAddress().describe('Where gateways of other clusters reach it: IP address or DNS name.'),
    port: port().default(15_443).describe('Port that other clusters connect to and that the gateway listens on.'),
    listenAddress: ipAddress().default('0.0.0.0').describe('Address that the gateway listens on for other clusters.'),
    egressAddress: ipAddress()
      .default('127.0.0.1')
      .describe(
        'Address of the listeners through which local workloads reach other clusters. Whoever reaches it may call ' +
          'every imported service, so keep it inside the own network.',
      ),
    weight: z.int().min(1).max(1000).default(100).describe("Share of this gateway among the cluster's, 1 to 1000."),
  })
  .describe('One east-west gateway set.');

const LISTEN_SCHEMA = z
  .strictObject({
    health: listenAddress().default('127.0.0.1:15020').describe('`/healthz` and `/readyz`, HOST:PORT or `off`.'),
    metrics: listenAddress().default('127.0.0.1:15014').describe('`/metrics`, HOST:PORT or `off`.'),
    store: listenAddress()
      .default('off')
      .describe('Store server for the other sites, HOST:PORT (usually port 15090) or `off`.'),
    xds: listenAddress()
      .default('off')
      .describe(
        'For gateways on other hosts and in other pods than the controller, HOST:PORT (usually port 15010) or `off`. ' +
          'TLS 1.3; a gateway logs in with a token.',
      ),
  })
  .describe('Addresses that the controller itself listens on.');

export const KUBERNETES_SCHEMA = z
  .strictObject({
    kubeconfig: z
      .string()
      .min(1)
      .optional()
      .describe('Path of a kubeconfig file. Absent: the credentials of the pod that the controller runs in.'),
    namespace: dnsLabel('namespace')
      .default(DEFAULT_NAMESPACE)
      .describe('Namespace of the installation: its keys, its lease, its gateways.'),
    gatewayAddress: hostOrAddress()
      .optional()
      .describe(
        'Where gateways of other clusters reach those of this one. Absent: what the Service isthmus-gateway tells.',
      ),
    gatewayPort: port().default(15_443).describe('Port of that address.'),
    gatewayListenAddress: ipAddress()
      .default('0.0.0.0')
      .describe(
        'Address that the gateways listen on, for other clusters (port 15443) and for the pods of this one. `::` where ' +
          'pods have IPv6 addresses alone; one address of the host where gateways run outside pods.',
      ),
    dns: z.boolean().default(true).describe('Whether to answer DNS for clusterset.local.'),
    dnsListen: hostPort().default(`[::]:${DNS_PORT}`).describe('HOST:PORT of that DNS server, UDP and TCP.'),
    storeAddress: hostPort()
      .optional()
      .describe('HOST:PORT of the store server in join tokens. Absent: what the Service isthmus-store tells.'),
  })
  .describe(
    'Present when the site is a Kubernetes cluster: exports, imports and keys are then objects of its API server.',
  );

export const SITE_SPEC_SCHEMA = z.strictObject({
  clusterset: dnsName('clusterset').describe(
    'DNS name of the clusterset (federation) that this cluster is a member of.',
  ),
  network: dnsLabel('network').describe(
    'Network of this cluster. Clusters of one network come first in the order of failover after region and zone.',
  ),
  region: dnsLabel('region').optional().describe('Region, for the order of failover.'),
  zone: dnsLabel('zone').optional().describe('Zone in the region, for the order of failover.'),
  store: z
    .array(storeUrl())
    .min(1, { error: 'at least one store is needed' })
    .max(LIMITS.storesMax, { error: `a site lists at most ${LIMITS.storesMax} stores` })
    .optional()
    .describe(
      'URLs of the shared store. Usually one; several while a clusterset moves from one to another: all are read and ' +
        'written, the newest valid head wins, and one of them is enough. The first one holds the leases of replicas. With ' +
        '`kubernetes` it may be absent: the join token tells it.',
    ),
  joinStore: storeUrl()
    .optional()
    .describe(
      'On the authority: the store address that goes into join tokens, with a login that can only join. Needed when ' +
        '`store` has a login in it.',
    ),
  replica: dnsLabel('replica')
    .max(LIMITS.replicaNameCharsMax, { error: `a replica's name has at most ${LIMITS.replicaNameCharsMax} characters` })
    .optional()
    .describe(
      'Name of this replica, where several controllers run for one site. Usually given by `--replica`. Without it the ' +
        'controller is the only one, and no lease is needed.',
    ),
  stateDir: z.string().min(1).default('/var/lib/isthmus').describe('Folder for keys, last good state and journals.'),
  services: z
    .array(servicesPath())
    .max(LIMITS.servicePathsMax)
    .default([])
    .describe(
      'Files, folders or patterns such as `services/*.yaml` that hold `Service` documents, and those of `kinds.md`.',
    ),
  gateways: z
    .array(GATEWAY_SCHEMA)
    .max(LIMITS.gatewaysMax)
    .default([])
    .describe('The east-west gateways of this site.'),
  imports: z
    .array(importEntry())
    .max(LIMITS.importsMax)
    .optional()
    .describe(
      'Services of other clusters that this site takes in: namespaces, or `NAMESPACE/NAME`. Absent: all of them. ' +
        'Services that the site exports itself are always taken in.',
    ),
  podRouting: z
    .enum(['gateway', 'direct'])
    .default('gateway')
    .describe(
      'How clusters of this network reach its pods: through gateways, or `direct`: the network routes pod addresses. ' +
        'Direct traffic is not encrypted by Isthmus.',
    ),
  podCIDRs: z
    .array(cidr())
    .max(LIMITS.rangesMax)
    .default([])
    .describe('Pod ranges. Gateway addresses of other clusters are refused when they lie in them.'),
  serviceCIDRs: z.array(cidr()).max(LIMITS.rangesMax).default([]).describe('Service ranges; as `podCIDRs`.'),
  failBackAfter: durationMs({ min: '0s', max: '24h' })
    .prefault('30s')
    .describe('How long a peer that came back must be good before it gets traffic again.'),
  withdrawAfter: durationMs({ min: '1s', max: '24h' })
    .prefault('10s')
    .describe('How long a peer with a stale head must fail its probes before its endpoints are withdrawn.'),
  leafLifetime: durationMs({ min: '5s', max: '24h' })
    .prefault('24h')
    .describe('Lifetime of gateway certificates. Renewed at half of it.'),
  authority: z.boolean().default(false).describe('Whether this controller holds the root key of the clusterset.'),
  dev: z.boolean().default(false).describe('Development clusterset: gateway addresses may be loopback addresses.'),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least severe log line written.'),
  listen: LISTEN_SCHEMA.prefault({}),
  kubernetes: KUBERNETES_SCHEMA.optional(),
});

export const SITE_SCHEMA = z
  .strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal('Site'),
    metadata: z.strictObject({
      name: dnsLabel('cluster name').describe('Name of this cluster, unique in the clusterset.'),
      labels: z.record(z.string(), z.string()).optional().describe('For your own tools; not read.'),
      annotations: z.record(z.string(), z.string()).optional().describe('For your own tools; not read.'),
    }),
    spec: SITE_SPEC_SCHEMA,
  })
  .describe('Isthmus Site: one cluster and its controller.');

export type SiteDocument = z.output<typeof SITE_SCHEMA>;
