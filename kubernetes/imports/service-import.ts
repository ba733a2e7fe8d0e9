import type { ServiceKey } from '../../federation/model/ids.ts';
import type { MergedService } from '../../federation/model/state.ts';
import type { OwnerReference, ServiceImportObject } from '../api/objects.ts';
import { apiVersionOf, SERVICE_IMPORTS } from '../api/resources.ts';
import { type Desired, type DesiredStatus, sealManifest } from '../apply/desired.ts';
import { affinityFields, type Derived, ownedByDerived } from './derived-service.ts';
import { exportedMetadata } from './exported-metadata.ts';
import { portFields } from './imported-ports.ts';
import { importRef } from './names.ts';

/** The ServiceImport of a merged service (MCS API, KEP-1645): what consumers in this cluster look at. */
export function desiredImport(service: MergedService, derived: Derived | undefined, status: DesiredStatus): Desired {
  const ref = importRef(service.key);
  const manifest = sealManifest(ref, {
    labels: exportedMetadata(service.labels),
    annotations: exportedMetadata(service.annotations),
    ownerReferences: derived === undefined ? undefined : [ownedByDerived(service.key, derived)],
    fields: { spec: specOf(service, derived) },
  });
  return { ref, manifest, status };
}

function specOf(service: MergedService, derived: Derived | undefined): NonNullable<ServiceImportObject['spec']> {
  const { type, internalTrafficPolicy, trafficDistribution } = service;
  return {
    type,
    ports: service.ports.map(portFields),
    // "Ignored when type is Headless", as are addresses.
    ...(type === 'Headless' ? {} : affinityFields(service)),
    ...(derived === undefined ? {} : { ips: derived.ips, ipFamilies: derived.ipFamilies }),
    ...(internalTrafficPolicy === undefined ? {} : { internalTrafficPolicy }),
    ...(trafficDistribution === undefined ? {} : { trafficDistribution }),
  };
}

/** `undefined` while it is not there, or is on its way out. */
export function ownedByImport(key: ServiceKey, present: ServiceImportObject | undefined): OwnerReference | undefined {
  const { uid, deletionTimestamp } = present?.metadata ?? {};
  if (uid === undefined || deletionTimestamp !== undefined) return undefined;
  const { kind } = SERVICE_IMPORTS;
  return { apiVersion: apiVersionOf(SERVICE_IMPORTS), kind, name: importRef(key).name, uid, controller: true };
}
