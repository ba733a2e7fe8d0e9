import type { Manifest } from '../../deploy/manifests/common.ts';
import { KubeApiError, type KubeTransport } from '../../kubernetes/api/transport.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { pathOfManifest } from './targets.ts';

/** Server-side apply of an installation, one object after the other, each told as it is done. Nothing is ever deleted. */
export const INSTALL_MANAGER = 'isthmus-install';

export interface ApplyOptions {
  /** Asked and checked by the server, kept by nobody. */
  readonly dryRun: 'none' | 'server';
  readonly onApplied: (manifest: Manifest) => void;
}

/** Exists in every cluster. */
const STAND_IN_NAMESPACE = 'default';
const OPERATOR_GROUP = 'monitoring.coreos.com/';

export class InstallRefusedError extends IsthmusError {
  constructor({ apiVersion, kind, metadata: { name } }: Manifest, cause: KubeApiError) {
    super('install-refused', `${kind} ${name}: ${cause.message}`, {
      cause,
      ...(cause.reason === 'Forbidden' ? { hint: 'installing needs the rights of a cluster administrator' } : {}),
      ...(cause.reason === 'NotFound' && apiVersion.startsWith(OPERATOR_GROUP)
        ? { hint: 'the Prometheus operator is not there: install it first, or --set serviceMonitor.enabled=false' }
        : {}),
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

/**
 * A dry run finds nothing in a namespace that does not exist yet: there the objects are checked as if they were for another
 * one, whose quotas and policies are not theirs.
 */
export async function dryRunPlace(
  transport: KubeTransport,
  manifests: readonly Manifest[],
): Promise<{ readonly manifests: readonly Manifest[]; readonly isElsewhere: boolean }> {
  const namespace = manifests.find(({ kind }) => kind === 'Namespace');
  if (namespace === undefined || (await isThere(transport, namespace))) return { manifests, isElsewhere: false };
  const moved = manifests.map((manifest) => {
    const { metadata } = manifest;
    if (metadata.namespace === undefined) return manifest;
    return { ...manifest, metadata: { ...metadata, namespace: STAND_IN_NAMESPACE } };
  });
  return { manifests: moved, isElsewhere: true };
}

async function isThere(transport: KubeTransport, manifest: Manifest): Promise<boolean> {
  try {
    await transport.call({ method: 'GET', path: pathOfManifest(manifest) });
    return true;
  } catch (error) {
    if (error instanceof KubeApiError && error.reason === 'NotFound') return false;
    throw error;
  }
}
