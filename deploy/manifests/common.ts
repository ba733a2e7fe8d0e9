import { MANAGED_BY_LABEL, OWN_NAMES } from '../../kubernetes/names.ts';
import type { InstallValues, Release } from './values.ts';

/** What all objects of an installation share. Each function of this folder answers plain objects, as YAML would hold them. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface Installation {
  readonly values: InstallValues;
  readonly release: Release;
}

export type Component = 'controller' | 'gateway' | 'dns' | 'store';

export const PORTS = {
  xds: 15_010,
  metrics: 15_014,
  health: 15_020,
  dns: 15_053,
  store: 15_090,
  gateway: 15_443,
} as const;
/** As `gateway-config/ports.ts` gives them out. */
export const EGRESS_PORTS = { first: 20_000, last: 29_999 } as const;

/** For selectors: never changes over versions. */
export function selectorLabels(component: Component): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': 'isthmus', 'app.kubernetes.io/component': component };
}

export function labels(component: Component, { release }: Installation): Readonly<Record<string, string>> {
  return {
    ...selectorLabels(component),
    'app.kubernetes.io/version': release.version,
    'app.kubernetes.io/part-of': 'isthmus',
    // Not `isthmus`: that is what the controller itself writes, and takes away when the cluster leaves.
    [MANAGED_BY_LABEL]: 'isthmus-install',
  };
}

export function inNamespace(name: string, component: Component, installation: Installation) {
  return { name, namespace: installation.release.namespace, labels: labels(component, installation) };
}

/** Cluster-scoped names carry the namespace, so that two installations do not meet. */
export function clusterWideName({ release }: Installation): string {
  return `${OWN_NAMES.controller}-${release.namespace}`;
}

export function imageOf({ values: { image }, release }: Installation): string {
  if (image.digest !== '') return `${image.repository}@${image.digest}`;
  return `${image.repository}:${image.tag === '' ? release.version : image.tag}`;
}
