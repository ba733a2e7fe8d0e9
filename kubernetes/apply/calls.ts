import type { KubeObject } from '../api/objects.ts';
import { apiVersionOf, pathOf } from '../api/resources.ts';
import type { KubeTransport } from '../api/transport.ts';
import { FIELD_MANAGER } from '../names.ts';
import type { Manifest, ObjectRef, Removal } from './desired.ts';
import type { WrittenStatus } from './status.ts';

/**
 * The requests of the applier. Everything is server-side apply under one field manager, with `force`: a field that we want
 * is ours, whoever wrote it last.
 * @throws as `KubeTransport.call`
 */
const APPLY = { method: 'PATCH', contentType: 'application/apply-patch+yaml' } as const;
const QUERY = { fieldManager: FIELD_MANAGER, force: 'true' } as const;

/**
 * No object is ever of this version: etcd's first write is 2. With it, apply creates the object or answers 409, and cannot
 * take over one that somebody else made in the meantime.
 */
const NEVER_A_VERSION = '1';

export function createObject(transport: KubeTransport, ref: ObjectRef, { body }: Manifest): Promise<KubeObject> {
  const metadata = { ...body.metadata, resourceVersion: NEVER_A_VERSION };
  return patch(transport, pathOf(ref.resource, ref), { ...body, metadata });
}

/** Answers 409 when the object is another one by now, or none. */
export function applyObject(
  transport: KubeTransport,
  ref: ObjectRef,
  { body }: Manifest,
  uid: string | undefined,
): Promise<KubeObject> {
  const metadata = { ...body.metadata, ...(uid === undefined ? {} : { uid }) };
  return patch(transport, pathOf(ref.resource, ref), { ...body, metadata });
}

export function applyStatus(
  transport: KubeTransport,
  ref: ObjectRef,
  status: WrittenStatus,
  uid: string | undefined,
): Promise<KubeObject> {
  const { resource, namespace, name } = ref;
  return patch(transport, pathOf(resource, { namespace, name, subresource: 'status' }), {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
    status,
  });
}

export async function deleteObject(transport: KubeTransport, { ref, uid }: Removal): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid }, propagationPolicy: 'Background' };
  await transport.call({ method: 'DELETE', path: pathOf(ref.resource, ref), body });
}

export async function readObject(transport: KubeTransport, ref: ObjectRef): Promise<KubeObject> {
  // The server answers with an object of the kind that was asked for.
  return (await transport.call({ method: 'GET', path: pathOf(ref.resource, ref) })) as KubeObject;
}

async function patch(transport: KubeTransport, path: string, body: unknown): Promise<KubeObject> {
  // As above.
  return (await transport.call({ ...APPLY, path, query: QUERY, body })) as KubeObject;
}
