import { z } from 'zod';
import { DEFAULT_RECORD_LIMITS } from '../federation/model/records.ts';
import { dnsLabel, durationMs, ipAddress, port } from './documents/fields.ts';
import { API_VERSION } from './documents/validate.ts';

/**
 * The kind `Service` of files: a service that does not come from Kubernetes, with its endpoints in the same document.
 * Field names are those of Kubernetes' Service and of the MCS API wherever these have one.
 */
export const SERVICE_LIMITS = {
  portsMax: DEFAULT_RECORD_LIMITS.portsPerServiceMax,
  /** As many as five EndpointSlices' worth; only their number leaves the cluster. */
  endpointsMax: 5_000,
  grantsMax: 1_000,
  labelsMax: 64,
  labelLengthMax: 1_024,
} as const;

const LABELS = z
  .record(z.string().min(1).max(317), z.string().max(SERVICE_LIMITS.labelLengthMax))
  .refine((labels) => Object.keys(labels).length <= SERVICE_LIMITS.labelsMax, {
    error: `at most ${SERVICE_LIMITS.labelsMax} entries are allowed`,
  });

const PORT = z.strictObject({
  name: dnsLabel('port name').optional().describe('Needed when the service has several ports.'),
  port: port().describe('The port that callers use.'),
  targetPort: port().optional().describe('Port of the endpoints; default is `port`.'),
  protocol: z.enum(['TCP', 'UDP']).default('TCP').describe('Transport protocol.'),
  appProtocol: z
    .enum(['http', 'http2', 'h2c', 'grpc', 'tcp'])
    .optional()
    .describe('How gateways treat it; default is what the port name begins with, else `tcp`.'),
});

const ENDPOINT = z.strictObject({
  address: ipAddress().describe('IP address inside the own network.'),
  ports: z
    .record(z.string(), port())
    .optional()
    .describe('Ports of this endpoint that differ, by name or number of the service port.'),
  ready: z.boolean().default(true).describe('Whether it takes traffic.'),
  zone: dnsLabel('zone').optional().describe('Zone of the endpoint.'),
});

const HEALTH_CHECK = z.strictObject({
  type: z.enum(['tcp', 'http']).describe('`tcp`: connects. `http`: `GET path` must answer 200.'),
  path: z
    .string()
    .max(1024)
    .regex(/^\/[\x21-\x7e]*$/, { error: 'a path begins with a slash and has no blanks' })
    .optional()
    .describe('For `http`; default `/`.'),
  interval: durationMs({ min: '100ms', max: '1h' }).prefault('1s').describe('Time between two checks.'),
  timeout: durationMs({ min: '10ms', max: '1m' }).prefault('500ms').describe('Time for one check.'),
});

const SPEC = z.strictObject({
  export: z.boolean().default(false).describe('Whether other clusters may see it.'),
  exportedAt: z.iso
    .datetime({ offset: true, error: 'not a time like 2026-11-24T12:00:00Z' })
    .optional()
    .describe('When the export was made: conflicts between clusters are decided for the oldest. Default: first seen.'),
  grantedTo: z
    .array(dnsLabel('cluster name'))
    .max(SERVICE_LIMITS.grantsMax)
    .optional()
    .describe('Clusters that may call it; default is every active member.'),
  type: z.enum(['ClusterSetIP', 'Headless']).default('ClusterSetIP').describe('As in the MCS API.'),
  ports: z
    .array(PORT)
    .min(1, { error: 'at least one port is needed' })
    .max(SERVICE_LIMITS.portsMax, { error: `at most ${SERVICE_LIMITS.portsMax} ports are allowed` })
    .describe('Ports of the service.'),
  endpoints: z
    .array(ENDPOINT)
    .max(SERVICE_LIMITS.endpointsMax, { error: `at most ${SERVICE_LIMITS.endpointsMax} endpoints are allowed` })
    .default([])
    .describe('Where it runs. May be empty.'),
  healthCheck: HEALTH_CHECK.optional().describe('A check that the gateway runs on each endpoint.'),
  sessionAffinity: z.enum(['None', 'ClientIP']).default('None').describe('As in Kubernetes.'),
  sessionAffinityTimeoutSeconds: z.int().min(1).max(86_400).optional().describe('As in Kubernetes.'),
  internalTrafficPolicy: z.enum(['Cluster', 'Local']).optional().describe('As in Kubernetes.'),
  trafficDistribution: z.string().min(1).max(63).optional().describe('As in Kubernetes.'),
});

export const SERVICE_SCHEMA = z
  .strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal('Service'),
    metadata: z.strictObject({
      namespace: dnsLabel('namespace').default('default').describe('Namespace; `default` when absent.'),
      name: dnsLabel('service name').describe('Name of the service.'),
      labels: LABELS.default({}).describe('Published with the export.'),
      annotations: LABELS.default({}).describe('Published with the export.'),
    }),
    spec: SPEC,
  })
  .describe('Isthmus Service: a service of this cluster that comes from a file.');

export type ServiceDocument = z.output<typeof SERVICE_SCHEMA>;
