import { parse } from 'yaml';
import { CONFIG_MAPS, DEPLOYMENTS, pathOf, type Resource } from '../../kubernetes/api/resources.ts';
import { KubeApiError, type KubeTransport } from '../../kubernetes/api/transport.ts';
import { OWN_NAMES } from '../../kubernetes/names.ts';
import { UsageError } from '../exit.ts';

/**
 * What is installed in a cluster, read before anything is asked of it: a token in the wrong cluster, or a request that no
 * controller will ever see, would only be waited for in vain.
 */
export interface InstalledSite {
  /** As its `Site` says; absent where the `Site` cannot be read, e.g. under another name by kustomize. */
  readonly cluster?: string | undefined;
  readonly clusterset?: string | undefined;
  readonly isAuthority: boolean;
  /** It has a CA: it has founded or joined, and not left since. */
  readonly isEnrolled: boolean;
  /** Somebody has asked it to leave. */
  readonly isLeaving: boolean;
}

/** @throws UsageError when nothing is installed in the namespace */
export async function installedSite(kube: KubeTransport, namespace: string): Promise<InstalledSite> {
  const found = await findInstalledSite(kube, namespace);
  if (found !== undefined) return found;
  throw new UsageError(
    `there is no installation of Isthmus in namespace ${namespace}`,
    '`isthmus install` makes one; --namespace and --context tell where it is',
  );
}

/** Undefined when nothing is installed in the namespace. */
export async function findInstalledSite(kube: KubeTransport, namespace: string): Promise<InstalledSite | undefined> {
  const read = (resource: Resource, name: string) => readIfThere(kube, pathOf(resource, { namespace, name }));
  const [deployment, config, trust, leave] = await Promise.all([
    read(DEPLOYMENTS, OWN_NAMES.controller),
    read(CONFIG_MAPS, `${OWN_NAMES.controller}-config`),
    read(CONFIG_MAPS, OWN_NAMES.trust),
    read(CONFIG_MAPS, OWN_NAMES.leave),
  ]);
  if (deployment === undefined) return undefined;
  return { ...siteOf(config), isEnrolled: trust !== undefined, isLeaving: leave !== undefined };
}

/** Undefined when there is none. */
async function readIfThere(kube: KubeTransport, path: string): Promise<unknown> {
  try {
    return await kube.call({ method: 'GET', path });
  } catch (error) {
    if (error instanceof KubeApiError && error.reason === 'NotFound') return undefined;
    throw error;
  }
}

function siteOf(config: unknown): Pick<InstalledSite, 'cluster' | 'clusterset' | 'isAuthority'> {
  const text = (config as { readonly data?: Readonly<Record<string, string>> } | undefined)?.data?.['site.yaml'];
  try {
    // Three fields of what the chart wrote; the controller is the judge of the rest.
    const site = parse(text ?? '') as
      | {
          readonly metadata?: { readonly name?: string };
          readonly spec?: { readonly clusterset?: string; readonly authority?: boolean };
        }
      | undefined;
    const { clusterset, authority } = site?.spec ?? {};
    return { cluster: site?.metadata?.name, clusterset, isAuthority: authority === true };
  } catch {
    return { isAuthority: false }; // a Site that is no YAML: its controller says so
  }
}
