/**
 * Labels and annotations that exporters give their service along, as they may stand on a ServiceImport. Other clusters
 * write them, so none may be of a kind by which a controller of this cluster claims or configures objects: a GitOps tool
 * that finds its own mark on an object that is not in its repository deletes it.
 */
const RESERVED_PREFIXES = [
  'isthmus.dev/',
  'kubectl.kubernetes.io/',
  'multicluster.kubernetes.io/',
  'endpointslice.kubernetes.io/',
  'service.kubernetes.io/',
  'argocd.argoproj.io/',
  'kustomize.toolkit.fluxcd.io/',
  'helm.toolkit.fluxcd.io/',
  'meta.helm.sh/',
  'applyset.kubernetes.io/',
  'applyset.k8s.io/',
  'config.k8s.io/',
  'kapp.k14s.io/',
];
const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/instance',
  'helm.sh/chart',
]);

export function exportedMetadata(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !isReserved(key)));
}

function isReserved(key: string): boolean {
  return RESERVED_NAMES.has(key) || RESERVED_PREFIXES.some((prefix) => key.startsWith(prefix));
}
