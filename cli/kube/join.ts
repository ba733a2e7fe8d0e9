import { selectorLabels } from '../../deploy/manifests/common.ts';
import type { KubeObject } from '../../kubernetes/api/objects.ts';
import { CONFIG_MAPS, pathOf, type Resource, SECRETS } from '../../kubernetes/api/resources.ts';
import { KubeApiError, type KubeTransport } from '../../kubernetes/api/transport.ts';
import { FIELD_MANAGER, OWN_NAMES } from '../../kubernetes/names.ts';
import type { Clock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { podsOf } from '../install/pods.ts';

/**
 * What `join` and `leave` do in Kubernetes: they put one object into the namespace of the installation, and wait until its
 * controller has dealt with it and taken it away. Keys are made by the controller and never seen here.
 */
const LOOK_EVERY_MS = 300;
const JOINED_AT = 'isthmus.dev/joined-at';

export interface Asking {
  readonly kube: KubeTransport;
  readonly namespace: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export async function putJoinToken({ kube, namespace }: Asking, token: string): Promise<void> {
  await apply(kube, SECRETS, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: OWN_NAMES.joinToken, namespace },
    type: 'Opaque',
    data: { token: Buffer.from(token).toString('base64') },
  });
}

export async function askToLeave({ kube, namespace }: Asking): Promise<void> {
  await apply(kube, CONFIG_MAPS, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: OWN_NAMES.leave, namespace },
  });
}

/** The controller takes the token away when it is used. @throws the signal's reason */
export async function untilTokenUsed(asking: Asking): Promise<void> {
  await untilGone(asking, SECRETS, OWN_NAMES.joinToken, () => undefined);
}

/**
 * A kubelet looks at what it mounts once a minute or so, and at once when a pod changes: so the gateways get the CA of the
 * cluster, which there is only now, without the wait. Not a must: who may not change pods waits. @throws the signal's reason
 */
export async function wakeGateways(asking: Asking): Promise<void> {
  const { kube, namespace, signal, clock } = asking;
  while ((await look(asking, CONFIG_MAPS, OWN_NAMES.trust)) === undefined) await clock.sleep(LOOK_EVERY_MS, signal);
  const pods = await podsOf(kube, { namespace, labels: selectorLabels('gateway') }, signal).catch(unlessRefused);
  const annotations = { [JOINED_AT]: new Date(clock.epochMs()).toISOString() };
  for (const { metadata } of pods ?? []) {
    const patch = {
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/pods/${metadata.name}`,
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations } },
      signal,
    } as const;
    await kube.call(patch).catch(unlessRefused);
  }
}

/** A pod that is gone has another in its place, which starts with what there is; one that must not be touched looks by itself. */
function unlessRefused(error: unknown): undefined {
  if (!(error instanceof KubeApiError)) throw error;
  return undefined;
}

/** The controller will not do it, whoever waits. */
export class LeaveRefusedError extends IsthmusError {
  constructor(state: string, namespace: string) {
    super('usage', state, {
      hint: `take the request away: kubectl -n ${namespace} delete configmap ${OWN_NAMES.leave}`,
    });
  }
}

/** As `controller/kubernetes/departure-desk.ts` begins what it says then. */
const REFUSED = 'refused: ';

/** @param onState told each new word of the controller. @throws LeaveRefusedError, the signal's reason */
export async function untilLeft(asking: Asking, onState: (text: string) => void): Promise<void> {
  let said: string | undefined;
  await untilGone(asking, CONFIG_MAPS, OWN_NAMES.leave, (object) => {
    const state = (object as { readonly data?: { readonly state?: string } }).data?.state;
    if (state?.startsWith(REFUSED) === true) {
      throw new LeaveRefusedError(state.slice(REFUSED.length), asking.namespace);
    }
    if (state !== undefined && state !== said) onState(state);
    said = state;
  });
}

async function untilGone(
  asking: Asking,
  resource: Resource,
  name: string,
  onSeen: (object: unknown) => void,
): Promise<void> {
  for (;;) {
    const object = await look(asking, resource, name);
    if (object === undefined) return;
    onSeen(object);
    await asking.clock.sleep(LOOK_EVERY_MS, asking.signal);
  }
}

/** Undefined: there is no such object. */
async function look({ kube, namespace, signal }: Asking, resource: Resource, name: string): Promise<unknown> {
  try {
    return await kube.call({ method: 'GET', path: pathOf(resource, { namespace, name }), signal });
  } catch (error) {
    if (error instanceof KubeApiError && error.reason === 'NotFound') return undefined;
    throw error;
  }
}

async function apply(
  kube: KubeTransport,
  resource: Resource,
  object: KubeObject & { readonly metadata: { readonly namespace: string } } & Readonly<Record<string, unknown>>,
): Promise<void> {
  await kube.call({
    method: 'PATCH',
    path: pathOf(resource, object.metadata),
    query: { fieldManager: `${FIELD_MANAGER}-cli`, force: 'true' },
    contentType: 'application/apply-patch+yaml',
    body: object,
  });
}
