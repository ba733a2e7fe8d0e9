import type { InstallValues } from '../../deploy/manifests/values.ts';
import { KubeApiError, type KubeTransport } from '../../kubernetes/api/transport.ts';
import { UsageError } from '../exit.ts';
import { findInstalledSite, type InstalledSite } from '../kube/installation.ts';

/**
 * The same command with a flag less, or in the wrong context, must not make another cluster of one that others know: its
 * keys are for its name, and an authority that forgets its office leaves a clusterset without one.
 * @throws UsageError
 */
export async function guardIdentity(kube: KubeTransport, namespace: string, values: InstallValues): Promise<void> {
  const there = await findUnlessForbidden(kube, namespace);
  if (there?.isEnrolled !== true) return;
  const { cluster = values.cluster, clusterset = values.clusterset, isAuthority } = there;
  if (cluster !== values.cluster || clusterset !== values.clusterset) {
    throw new UsageError(
      `cluster ${cluster} of ${clusterset} is installed there, and has joined: it cannot become ${values.cluster} of ${values.clusterset}`,
      '--context and --namespace tell which cluster is meant',
    );
  }
  if (isAuthority && !values.authority) {
    throw new UsageError(
      `cluster ${cluster} is the authority of ${clusterset}, and would not be it any more`,
      'give --authority again',
    );
  }
  if (!isAuthority && values.authority) {
    throw new UsageError(
      `cluster ${cluster} has joined ${clusterset}, whose authority is another cluster`,
      'leave --authority out',
    );
  }
}

/** Whoever may not read it may not change it either, and is told so with the first object. */
async function findUnlessForbidden(kube: KubeTransport, namespace: string): Promise<InstalledSite | undefined> {
  try {
    return await findInstalledSite(kube, namespace);
  } catch (error) {
    if (error instanceof KubeApiError && error.reason === 'Forbidden') return undefined;
    throw error;
  }
}
