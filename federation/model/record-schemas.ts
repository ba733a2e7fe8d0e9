import { isIP } from 'node:net';
import { z } from 'zod';
import { isDnsLabel } from './ids.ts';

/**
 * What a record of schema 1 may contain. Unknown fields are ignored, because a newer controller of the same schema may
 * add some; every known field is strict about type, range and length, because any member may be hostile.
 */
export const LABELS_MAX = 64;
/** Annotations carry configuration, so they may be longer than labels; the record's own limit bounds their sum. */
export const ANNOTATION_CHARS_MAX = 16 * 1024;
/** Endpoints behind one port in one locality: a bound that keeps sums of weights below Envoy's 2^32. */
export const READY_MAX = 100_000;
export const READY_ENTRIES_MAX = 1_000;
const ADDRESSES_PER_GATEWAY_MAX = 16;
const CAPABILITIES_MAX = 32;
export const GRANTS_MAX = 1_000;
/** As in one EndpointSlice of the API's largest size; more pods of one service are reached through the gateways. */
export const RECORD_ENDPOINTS_MAX = 1_000;
const CHAIN_CERTIFICATES_MAX = 4;
const CERTIFICATE_CHARS_MAX = 16 * 1024;
/** 9999-12-31: beyond it a `Date` still works, but no one's export was created then. */
export const EPOCH_MS_MAX = 253_402_300_799_999;

export const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
/** Kubernetes qualified name: an optional DNS prefix of at most 253 and a name of at most 63 characters. */
export const QUALIFIED_NAME =
  /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
/** Prefix, slash and name. */
export const QUALIFIED_NAME_CHARS_MAX = 317;
export const PRINTABLE = /^[\x20-\x7e]+$/;
const BASE64 =
  /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$|^[A-Za-z0-9+/]{2}==$|^[A-Za-z0-9+/]{3}=$/;

const label = z.string().max(63).refine(isDnsLabel, 'not a DNS label');
const locality = z.string().min(1).max(63).regex(LABEL_VALUE);
const word = z.string().max(64).regex(PRINTABLE);
const portNumber = z.int().min(1).max(65_535);
const schema = z.int().min(1).max(1_000_000);

function textMap(value: z.ZodString): z.ZodType<Record<string, string>> {
  return z
    .record(z.string().max(QUALIFIED_NAME_CHARS_MAX).regex(QUALIFIED_NAME), value)
    .refine((map) => Object.keys(map).length <= LABELS_MAX, `more than ${LABELS_MAX} entries`);
}

function areUnique<T>(items: readonly T[], keyOf: (item: T) => string): boolean {
  return new Set(items.map(keyOf)).size === items.length;
}

const clusterSchema = z.object({
  kind: z.literal('cluster'),
  schema,
  network: label,
  region: locality.optional(),
  zone: locality.optional(),
  softwareVersion: word,
  schemaRange: z.tuple([schema, schema]).refine(([low, high]) => low <= high, 'lowest above highest'),
  capabilities: z.array(word).max(CAPABILITIES_MAX),
  transit: z.boolean(),
  goodbye: z.literal(true).optional(),
});

const MODES = ['http', 'tcp', 'udp'] as const;

const gatewaySchema = z.object({
  kind: z.literal('gateway'),
  name: label,
  addresses: z
    .array(z.object({ host: z.string().min(1).max(253), port: portNumber }))
    .min(1)
    .max(ADDRESSES_PER_GATEWAY_MAX),
  weight: z.int().min(1).max(1_000),
  draining: z.boolean(),
  // A tunnel mode that a newer controller offers is simply not used by this one.
  modes: z
    .array(z.string().max(32))
    .max(CAPABILITIES_MAX)
    .transform((modes) => MODES.filter((mode) => modes.includes(mode))),
});

const servicePortSchema = z.object({
  name: z
    .string()
    .max(63)
    .refine((name) => name === '' || isDnsLabel(name), 'not a DNS label'),
  protocol: z.enum(['TCP', 'UDP']),
  port: portNumber,
  appProtocol: z.enum(['http', 'http2', 'grpc', 'tcp']),
});

const portsSchema = z
  .array(servicePortSchema)
  .refine((ports) => ports.length === 1 || ports.every((port) => port.name !== ''), 'a port without a name')
  .refine((ports) => areUnique(ports, (port) => port.name), 'two ports of one name')
  .refine((ports) => areUnique(ports, (port) => `${port.protocol}/${port.port}`), 'two ports of one number');

const readySchema = z
  .array(
    z.object({
      port: portNumber,
      region: locality.optional(),
      zone: locality.optional(),
      ready: z.int().min(0).max(READY_MAX),
    }),
  )
  .max(READY_ENTRIES_MAX)
  .refine(
    (ready) => areUnique(ready, (entry) => `${entry.port}/${entry.region ?? ''}/${entry.zone ?? ''}`),
    'two weights of one port and locality',
  );

const endpointSchema = z.object({
  address: z
    .string()
    .max(45)
    .refine((address) => isIP(address) !== 0, 'not an IP address'),
  hostname: label.optional(),
  zone: locality.optional(),
  // 0: not offered by this endpoint.
  ports: z.array(z.int().min(0).max(65_535)),
});

const serviceSchema = z
  .object({
    kind: z.literal('service'),
    namespace: label,
    name: label,
    type: z.enum(['ClusterSetIP', 'Headless']),
    ports: portsSchema,
    sessionAffinity: z.enum(['None', 'ClientIP']),
    // Kubernetes: sessionAffinityConfig.clientIP.timeoutSeconds is 1 to 86400.
    sessionAffinityTimeoutS: z.int().min(1).max(86_400).optional(),
    internalTrafficPolicy: z.enum(['Cluster', 'Local']).optional(),
    trafficDistribution: word.optional(),
    exportedAtMs: z.int().min(0).max(EPOCH_MS_MAX),
    labels: textMap(z.string().max(63).regex(LABEL_VALUE)),
    annotations: textMap(z.string().max(ANNOTATION_CHARS_MAX)),
    ready: readySchema,
    endpoints: z.array(endpointSchema).max(RECORD_ENDPOINTS_MAX).optional(),
    grantedTo: z.array(label).max(GRANTS_MAX).optional(),
  })
  .refine(
    (service) => service.ready.every((entry) => service.ports.some((port) => port.port === entry.port)),
    'a weight for a port that is not there',
  )
  .refine(
    (service) => service.endpoints?.every((endpoint) => endpoint.ports.length === service.ports.length) ?? true,
    'an endpoint without a port for each of the service',
  );

const chainSchema = z.object({
  kind: z.literal('chain'),
  certificates: z.array(z.string().max(CERTIFICATE_CHARS_MAX).regex(BASE64)).min(1).max(CHAIN_CERTIFICATES_MAX),
});

export const recordSchema = z.discriminatedUnion('kind', [clusterSchema, gatewaySchema, serviceSchema, chainSchema]);

/** What every record carries beside its own fields, read first: a newer schema is named before its fields confuse. */
export const envelopeSchema = z.object({ kind: z.string().max(32), schema });
