import type { Manifest } from '../../deploy/manifests/common.ts';
import type { KubeTransport } from '../../kubernetes/api/transport.ts';
import type { Clock } from '../../runtime/clock.ts';
import { podGroup, podsOf, startedPods, troubleOf } from './pods.ts';
import { pathOfManifest } from './targets.ts';

/** Waits for what the built-in controllers and kubelets make of an installation, and says what is missing. */
export interface AwaitPods {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onWaiting: (text: string) => void;
}

const LOOK_EVERY_MS = 1_000;

/** Until Deployments have the replicas that they should, all of the newest template and no others. @throws the signal's reason */
export async function untilAvailable(
  transport: KubeTransport,
  deployments: readonly Manifest[],
  { clock, signal, onWaiting }: AwaitPods,
): Promise<void> {
  for (const deployment of deployments) {
    for (;;) {
      const { isDone, wanted, updated, all, available } = await look(transport, deployment, signal);
      if (isDone) break;
      const trouble = troubleOf(await podsOf(transport, podGroup(deployment), signal));
      const isEnough = available >= wanted;
      const count = isEnough
        ? `${updated} of ${wanted} are new, ${all - updated} old`
        : `${available} of ${wanted} available`;
      onWaiting(told(deployment, count, trouble));
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
  }
}

/** Whether there is nothing to wait for. */
export async function isAvailable(
  transport: KubeTransport,
  deployment: Manifest,
  signal: AbortSignal,
): Promise<boolean> {
  return (await look(transport, deployment, signal)).isDone;
}

async function look(transport: KubeTransport, deployment: Manifest, signal: AbortSignal) {
  const read = await transport.call({ method: 'GET', path: pathOfManifest(deployment), signal });
  const stands = standing(read);
  const { generation, wanted, observed, updated, all, available } = stands;
  // Pods of the template before count as available too, and serve what was said before.
  const isNew = observed >= generation && updated >= wanted && all <= updated;
  return { ...stands, isDone: isNew && available >= wanted };
}

/** Until the pods of a Deployment run, ready or not: those of a cluster that has not joined wait for a token. */
export async function untilStarted(
  transport: KubeTransport,
  deployment: Manifest,
  { clock, signal, onWaiting }: AwaitPods,
): Promise<void> {
  for (;;) {
    const read = await transport.call({ method: 'GET', path: pathOfManifest(deployment), signal });
    const { wanted } = standing(read);
    const pods = await podsOf(transport, podGroup(deployment), signal);
    const started = startedPods(pods);
    if (started >= wanted) return;
    onWaiting(told(deployment, `${started} of ${wanted} started`, troubleOf(pods)));
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

function told({ metadata }: Manifest, count: string, trouble: string | undefined): string {
  return `${metadata.name}: ${count}${trouble === undefined ? '' : `; ${trouble}`}`;
}

/** The server's own object, of which only these numbers are read; absent ones are 0. */
function standing(read: unknown) {
  const { metadata, spec, status } = read as {
    readonly metadata?: { readonly generation?: number };
    readonly spec?: { readonly replicas?: number };
    readonly status?: {
      readonly observedGeneration?: number;
      readonly replicas?: number;
      readonly updatedReplicas?: number;
      readonly availableReplicas?: number;
    };
  };
  return {
    generation: metadata?.generation ?? 0,
    wanted: spec?.replicas ?? 1,
    observed: status?.observedGeneration ?? 0,
    all: status?.replicas ?? 0,
    updated: status?.updatedReplicas ?? 0,
    available: status?.availableReplicas ?? 0,
  };
}
