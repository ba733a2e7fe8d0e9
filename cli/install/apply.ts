import type { Manifest } from '../../deploy/manifests/common.ts';
import { KubeApiError, type KubeTransport } from '../../kubernetes/api/transport.ts';
import type { Clock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { pathOfManifest } from './targets.ts';

/** Server-side apply of an installation, one object after the other, each told as it is done. */
export const INSTALL_MANAGER = 'isthmus-install';

export interface ApplyOptions {
  /** Asked and checked by the server, kept by nobody. */
  readonly dryRun: 'none' | 'server';
  readonly onApplied: (manifest: Manifest) => void;
}

export class InstallRefusedError extends IsthmusError {
  constructor({ kind, metadata: { name } }: Manifest, cause: KubeApiError) {
    super('install-refused', `${kind} ${name}: ${cause.message}`, {
      cause,
      ...(cause.reason === 'Forbidden' ? { hint: 'installing needs the rights of a cluster administrator' } : {}),
      ...(cause.reason === 'Conflict' ? { hint: 'another tool manages this field: take it away there first' } : {}),
    });
  }
}

export async function applyObjects(
  transport: KubeTransport,
  manifests: readonly Manifest[],
  options: ApplyOptions,
): Promise<void> {
  for (const manifest of manifests) {
    try {
      await apply(transport, manifest, options);
    } catch (error) {
      if (error instanceof KubeApiError) throw new InstallRefusedError(manifest, error);
      throw error;
    }
    options.onApplied(manifest);
  }
}

async function apply(transport: KubeTransport, manifest: Manifest, { dryRun }: ApplyOptions): Promise<void> {
  await transport.call({
    method: 'PATCH',
    path: pathOfManifest(manifest),
    query: { fieldManager: INSTALL_MANAGER, force: 'true', ...(dryRun === 'server' ? { dryRun: 'All' } : {}) },
    contentType: 'application/apply-patch+yaml',
    body: manifest,
  });
}

const LOOK_EVERY_MS = 1_000;

/** Waits until both Deployments have the replicas that they should. @throws the signal's reason */
export async function untilAvailable(
  transport: KubeTransport,
  deployments: readonly Manifest[],
  { clock, signal, onWaiting }: { clock: Clock; signal: AbortSignal; onWaiting: (text: string) => void },
): Promise<void> {
  for (const deployment of deployments) {
    for (;;) {
      const read = await transport.call({ method: 'GET', path: pathOfManifest(deployment), signal });
      const { generation, wanted, observed, available } = standing(read);
      if (observed >= generation && available >= wanted) break;
      onWaiting(`${deployment.metadata.name}: ${available} of ${wanted} available`);
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
  }
}

/** The server's own object, of which only these four numbers are read; absent ones are 0. */
function standing(read: unknown) {
  const { metadata, spec, status } = read as {
    readonly metadata?: { readonly generation?: number };
    readonly spec?: { readonly replicas?: number };
    readonly status?: { readonly observedGeneration?: number; readonly availableReplicas?: number };
  };
  return {
    generation: metadata?.generation ?? 0,
    wanted: spec?.replicas ?? 1,
    observed: status?.observedGeneration ?? 0,
    available: status?.availableReplicas ?? 0,
  };
}
