import type { Manifest } from '../../deploy/manifests/common.ts';
import type { KubeTransport } from '../../kubernetes/api/transport.ts';

/** The pods of a Deployment: how far they are, and what keeps one from starting, in the words of its kubelet. */
export interface PodStanding {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly {
      readonly started?: boolean;
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

const MESSAGE_CHARACTERS_MAX = 200;
/** On the way, not in trouble. */
const USUAL = new Set(['ContainerCreating', 'PodInitializing']);

/** Which pods: those of a namespace that have these labels. */
export interface PodGroup {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function podGroup({ metadata, spec }: Manifest): PodGroup {
  // Our own Deployments select by labels, and are in a namespace.
  const { matchLabels } = (spec as { selector: { matchLabels: Readonly<Record<string, string>> } }).selector;
  return { namespace: metadata.namespace ?? '', labels: matchLabels };
}

/** Those that are not on their way out. */
export async function podsOf(
  transport: KubeTransport,
  { namespace, labels }: PodGroup,
  signal: AbortSignal,
): Promise<readonly PodStanding[]> {
  const labelSelector = Object.entries(labels)
    .map((pair) => pair.join('='))
    .join();
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const list = await transport.call({ method: 'GET', path, query: { labelSelector }, signal });
  const pods = (list as { readonly items?: readonly PodStanding[] }).items ?? []; // a 200 to a list is a list
  return pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
}

/** Those whose container runs and answers its start-up probe, ready or not. */
export function startedPods(pods: readonly PodStanding[]): number {
  return pods.filter(({ status }) => status?.containerStatuses?.every(({ started }) => started === true) === true)
    .length;
}

/** Why the first pod in trouble cannot start; undefined while nothing is wrong. */
export function troubleOf(pods: readonly PodStanding[]): string | undefined {
  for (const { metadata, status } of pods) {
    const unscheduled = status?.conditions?.find((one) => one.type === 'PodScheduled' && one.status === 'False');
    const waiting = status?.containerStatuses?.find(({ state }) => state?.waiting?.reason !== undefined)?.state
      ?.waiting;
    const { reason, message } = unscheduled ?? waiting ?? {};
    if (reason === undefined || USUAL.has(reason)) continue;
    const text = message === undefined ? reason : `${reason}: ${message.slice(0, MESSAGE_CHARACTERS_MAX)}`;
    return `pod ${metadata.name}: ${text}`;
  }
  return undefined;
}
