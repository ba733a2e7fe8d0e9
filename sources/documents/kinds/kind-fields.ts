import { z } from 'zod';
import { isImportEntry } from '../../../federation/model/imports.ts';
import { dnsLabel, dnsName } from '../fields.ts';
import { API_VERSION } from '../validate.ts';

/**
 * What the kinds `ClusterSet`, `ExportGrant` and `FailoverPolicy` are made of. Their schemas are the one source of the files'
 * validation, of the CustomResourceDefinitions and of the reference, so each limit here is one that the API server keeps too:
 * without it the server would refuse the CEL rules as too costly.
 */
export const KIND_LIMITS = {
  /** Names in one object. Above it, a policy for the whole namespace is meant. */
  servicesMax: 256,
  /** As the roster's members. */
  clustersMax: 1_000,
  placesMax: 64,
  namespacesMax: 1_000,
  /** So that each service could be named for which a gateway set has a port. */
  importsMax: 5_000,
  labelCharsMax: 63,
  identityCharsMax: 512,
  identitiesMax: 64,
} as const;

/** The length stands beside the pattern, because the API server reckons costs by it. */
export function label(what: string) {
  return dnsLabel(what).meta({ maxLength: KIND_LIMITS.labelCharsMax });
}

/** A list without duplicates whose order means nothing. */
export function setOf(what: string, max: number) {
  return z
    .array(label(what))
    .min(1, { error: `at least one ${what} is needed` })
    .max(max, { error: `at most ${max} entries are allowed` })
    .refine((items) => new Set(items).size === items.length, {
      error: (issue) => `${firstTwice(issue.input)} stands here twice`,
      params: { reason: 'Duplicate' },
    })
    .meta({ 'x-kubernetes-list-type': 'set' });
}

/** A list of maps in which no two have the same `key`. */
export function mapBy<Item extends z.ZodObject>(item: Item, key: string & keyof z.output<Item>, max: number) {
  const keysOf = (items: readonly unknown[]): readonly unknown[] => {
    // The refinement runs on items that fit their schema, and the key is one of its fields.
    return items.map((one) => (one as Readonly<Record<string, unknown>>)[key]);
  };
  return z
    .array(item)
    .min(1, { error: 'at least one entry is needed' })
    .max(max, { error: `at most ${max} entries are allowed` })
    .refine((items) => new Set(keysOf(items)).size === items.length, {
      error: (issue) => `${key} ${firstTwice(keysOf(issue.input as readonly unknown[]))} stands here twice`,
      params: { reason: 'Duplicate' },
    })
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}

function firstTwice(items: unknown): string {
  const list: readonly unknown[] = Array.isArray(items) ? items : [];
  return JSON.stringify(list.find((item, index) => list.indexOf(item) !== index));
}

/** `NAMESPACE` or `NAMESPACE/NAME`. */
export function importEntry() {
  const name = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
  return z
    .string()
    .refine(isImportEntry, {
      error: (issue) => `${JSON.stringify(String(issue.input).slice(0, 80))} is neither a namespace nor NAMESPACE/NAME`,
      params: { reason: 'InvalidImport', hint: 'e.g. shop, or shop/cart' },
    })
    .meta({ pattern: `^${name}(/${name})?$`, maxLength: 2 * KIND_LIMITS.labelCharsMax + 1 });
}

const OWN_TEXTS = {
  labels: z.record(z.string(), z.string()).optional().describe('For your own tools; not read.'),
  annotations: z.record(z.string(), z.string()).optional().describe('For your own tools; not read.'),
};

/** Kubernetes checks metadata itself; this is for files. */
export const NAMESPACED_METADATA = z.strictObject({
  namespace: dnsLabel('namespace').default('default').describe('Namespace; `default` when absent.'),
  name: dnsName('name').describe('Name of the object, unique among those of its kind in the namespace.'),
  ...OWN_TEXTS,
});

export const CLUSTER_SET_NAME = 'default';

export const CLUSTER_SET_METADATA = z.strictObject({
  name: z.literal(CLUSTER_SET_NAME).describe('There is one in a cluster.'),
  ...OWN_TEXTS,
});

export function apiVersion() {
  return z.literal(API_VERSION);
}
