import { createHash } from 'node:crypto';
import type { KubeObject, OwnerReference, WantedCondition } from '../api/objects.ts';
import { apiVersionOf, type Resource } from '../api/resources.ts';
import { MANAGED_BY, MANAGED_BY_LABEL } from '../names.ts';

/**
 * What an object shall be: the fields that we decide about, and no others. Planners make these values, the applier compares
 * them with what is there.
 */
export interface ObjectRef {
  readonly resource: Resource;
  /** Absent for a cluster-scoped object. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** `PLURAL.GROUP/NAMESPACE/NAME` */
export type ObjectId = string & { readonly __brand: 'ObjectId' };

export function objectId({ resource, namespace, name }: ObjectRef): ObjectId {
  return `${resource.plural}.${resource.group}/${namespace ?? ''}/${name}` as ObjectId;
}

export interface Desired {
  readonly ref: ObjectRef;
  /** Absent for an object of somebody else of which we write the status alone. */
  readonly manifest?: Manifest | undefined;
  /** Written to the `status` subresource. */
  readonly status?: DesiredStatus | undefined;
}

/** The body of a server-side apply, sealed with a hash of its content. */
export interface Manifest {
  readonly hash: string;
  readonly body: KubeObject;
}

export interface DesiredStatus {
  /** Beside the conditions. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
  readonly conditions: readonly WantedCondition[];
}

/** An object to delete: this one, not a later one of the same name. */
export interface Removal {
  readonly ref: ObjectRef;
  readonly uid: string;
}

/**
 * Annotation with the hash of what was applied last. A field that is not wanted any more cannot be seen by comparing what is
 * wanted with what is there; the other hash tells, and the server knows from its field manager what to take away.
 */
export const APPLIED_ANNOTATION = 'isthmus.dev/applied';
const HASH_DIGITS = 32;

export interface ManifestContent {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly ownerReferences?: readonly OwnerReference[] | undefined;
  /** `spec`, or whatever else the kind has at its top. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Equal content gives an equal hash, in whatever order labels and annotations come. */
export function sealManifest(ref: ObjectRef, content: ManifestContent): Manifest {
  const { resource, namespace, name } = ref;
  const labels = sortedByKey({ ...content.labels, [MANAGED_BY_LABEL]: MANAGED_BY });
  const annotations = sortedByKey(content.annotations ?? {});
  const { ownerReferences, fields } = content;
  const hash = createHash('sha256')
    .update(JSON.stringify([labels, annotations, ownerReferences, fields]))
    .digest('hex')
    .slice(0, HASH_DIGITS);
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels,
    annotations: { ...annotations, [APPLIED_ANNOTATION]: hash },
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  };
  return { hash, body: { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, ...fields } };
}

/** Either mark is enough: a user who takes away one of them must not make the object a stranger. */
export function isOurs({ metadata }: KubeObject): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY || metadata.annotations?.[APPLIED_ANNOTATION] !== undefined;
}

function sortedByKey(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.keys(map)
      .sort()
      .map((key) => [key, map[key] ?? '']),
  );
}
