import type { ServiceKey } from '../../federation/model/ids.ts';
import type { MergedService } from '../../federation/model/state.ts';
import type { OwnerReference, ServiceObject } from '../api/objects.ts';
import { type Desired, sealManifest } from '../apply/desired.ts';
import { IMPORT_NAME_LABEL } from '../names.ts';
import { type ImportedPort, NO_GATEWAY_PORT, portFields } from './imported-ports.ts';
import type { IpFamily } from './input.ts';
import { derivedName, derivedRef, splitKey } from './names.ts';

/**
 * The Service without a selector whose cluster IPs are the clusterset IPs of an import. It is the root of all that stands for
 * the import and owns the rest: with it the addresses would go, so it must outlive a ServiceImport that a user deletes.
 */
export interface Derived {
  readonly uid: string;
  /** In the order of the Service. */
  readonly ips: readonly string[];
  readonly ipFamilies: readonly IpFamily[];
}

/** What there is of it, once it has addresses and is not on its way out. */
export function derivedOf(key: ServiceKey, present: ServiceObject | undefined): Derived | undefined {
  if (present === undefined || present.metadata.deletionTimestamp !== undefined) return undefined;
  const { uid, name } = present.metadata;
  const { clusterIPs = [], ipFamilies = [] } = present.spec ?? {};
  if (uid === undefined || name !== derivedName(key) || clusterIPs.length === 0) return undefined;
  const families = ipFamilies.filter((family) => family === 'IPv4' || family === 'IPv6');
  return { uid, ips: clusterIPs, ipFamilies: families };
}

export function derivedLabels(key: ServiceKey): Readonly<Record<string, string>> {
  return { [IMPORT_NAME_LABEL]: splitKey(key).name };
}

export function desiredDerived(service: MergedService, ports: readonly ImportedPort[]): Desired {
  const { key, sessionAffinity, sessionAffinityTimeoutS } = service;
  const ref = derivedRef(key);
  const spec = {
    type: 'ClusterIP',
    // Nothing may choose pods for it: empty, so that a selector which somebody adds is taken away again.
    selector: {},
    ipFamilyPolicy: 'PreferDualStack',
    // The exporter's policy is about its own nodes. `Local` here would cut off every node without a gateway pod.
    internalTrafficPolicy: 'Cluster',
    ports: ports.map(({ port, gatewayPort }) => ({ ...portFields(port), targetPort: gatewayPort ?? NO_GATEWAY_PORT })),
    ...affinityFields({ sessionAffinity, sessionAffinityTimeoutS }),
  };
  return { ref, manifest: sealManifest(ref, { labels: derivedLabels(key), fields: { spec } }) };
}

/** The same in a Service and in a ServiceImport. */
export function affinityFields({
  sessionAffinity,
  sessionAffinityTimeoutS,
}: Pick<MergedService, 'sessionAffinity' | 'sessionAffinityTimeoutS'>): Pick<
  NonNullable<ServiceObject['spec']>,
  'sessionAffinity' | 'sessionAffinityConfig'
> {
  if (sessionAffinity === 'None' || sessionAffinityTimeoutS === undefined) return { sessionAffinity };
  return { sessionAffinity, sessionAffinityConfig: { clientIP: { timeoutSeconds: sessionAffinityTimeoutS } } };
}

export function ownedByDerived(key: ServiceKey, { uid }: Derived): OwnerReference {
  return { apiVersion: 'v1', kind: 'Service', name: derivedName(key), uid, controller: true };
}
