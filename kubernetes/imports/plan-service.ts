import type { ServiceKey } from '../../federation/model/ids.ts';
import type { LocalService } from '../../federation/model/local.ts';
import type { MergedService } from '../../federation/model/state.ts';
import type { Finding } from '../../runtime/errors.ts';
import type { KubeObject } from '../api/objects.ts';
import { ENDPOINT_SLICES, SERVICE_IMPORTS, SERVICES, type Resource } from '../api/resources.ts';
import { type Desired, isOurs, type ObjectId, objectId, type Removal } from '../apply/desired.ts';
import { type Derived, derivedOf, desiredDerived } from './derived-service.ts';
import { carriedSlices, clusterSlices, derivedSlices, isSliced, type SliceInput } from './import-slices.ts';
import { importStatus } from './import-status.ts';
import { importedPorts } from './imported-ports.ts';
import type { ImportsInput, NamespaceState } from './input.ts';
import { gatewaySliceName, serviceSlicePrefix } from './names.ts';
import type { PresentImport } from './present.ts';
import { isAllDirect, type Reach, reachesOf } from './reach.ts';
import { desiredImport, ownedByImport } from './service-import.ts';

/** What one service needs of objects. */
export interface ServicePlan {
  readonly desired: readonly Desired[];
  /** Ours, and not wanted any more. */
  readonly surplus: readonly Removal[];
  readonly findings: readonly Finding[];
}

export interface ServiceInput extends Pick<ImportsInput, 'site' | 'ports' | 'gateways' | 'complete'> {
  readonly key: ServiceKey;
  readonly service: MergedService | undefined;
  readonly local: LocalService | undefined;
  readonly namespace: NamespaceState | undefined;
  readonly present: PresentImport | undefined;
  readonly trouble: string | undefined;
}

export const NO_PLAN: ServicePlan = { desired: [], surplus: [], findings: [] };

/**
 * The objects of one import, in steps, each of which waits to see the one before: the derived Service; when it has its
 * addresses, the ServiceImport and the slices of the Service; when that is there, the slices with the MCS labels. So every
 * object is born with its owner and is written once.
 */
export function planService(input: ServiceInput): ServicePlan {
  const { present, service, complete } = input;
  // A namespace that is not there has nothing in it, and what is in one that ends goes with it.
  if (input.namespace !== 'active') return NO_PLAN;
  if (present?.import !== undefined && !isOurs(present.import)) {
    return { desired: [], surplus: surplusOf(present, []), findings: [foreignFinding(input.key)] };
  }
  if (!complete && present !== undefined) return carriedPlan(input, present);
  if (service === undefined) return { desired: [], surplus: complete ? surplusOf(present, []) : [], findings: [] };
  const reaches = reachesOf(service, input.local, input.site);
  const derived = derivedOf(input.key, present?.service);
  if (service.type === 'ClusterSetIP' && derived === undefined && input.trouble === undefined) {
    // It comes, or comes back, in a moment: what there is stays as it is, and consumers see one change instead of two.
    return { desired: [desiredDerived(service, importedPorts(service, input.ports))], surplus: [], findings: [] };
  }
  const desired = desiredOf(input, service, reaches);
  return { desired, surplus: surplusOf(present, desired), findings: addressFindings(input.key, reaches) };
}

function desiredOf(input: ServiceInput, service: MergedService, reaches: readonly Reach[]): readonly Desired[] {
  const { key, site, gateways, present, trouble } = input;
  const ports = importedPorts(service, input.ports);
  const allDirect = isAllDirect(reaches, site);
  const slices: SliceInput = { service, reaches, ports, gateways, allDirect };
  const isHeadless = service.type === 'Headless';
  const derived = isHeadless ? undefined : derivedOf(key, present?.service);
  const desired: Desired[] = [];
  if (!isHeadless) desired.push(desiredDerived(service, ports));
  const owner = ownedByImport(key, present?.import);
  const sliced = isSliced(slices);
  const byCluster = owner !== undefined && sliced ? clusterSlices(slices, owner) : [];
  const status = importStatus({ ...slices, site, derived, trouble, sliced });
  desired.push(desiredImport(service, derived, status), ...byCluster);
  if (derived !== undefined) desired.push(...derivedSlices(slices, derived));
  return desired;
}

/** Nothing is known yet of what it was made for: it stays, with the gateways that there are now. */
function carriedPlan({ key, gateways }: ServiceInput, { service, slices }: PresentImport): ServicePlan {
  const derived: Derived | undefined = derivedOf(key, service);
  const prefix = serviceSlicePrefix(key);
  const isByGateways = slices.has(gatewaySliceName(prefix, 'IPv4')) || slices.has(gatewaySliceName(prefix, 'IPv6'));
  if (derived === undefined || service === undefined || !isByGateways) return NO_PLAN;
  return { desired: carriedSlices(key, derived, service, gateways), surplus: [], findings: [] };
}

function surplusOf(present: PresentImport | undefined, desired: readonly Desired[]): readonly Removal[] {
  if (present === undefined) return [];
  const wanted = new Set(desired.map(({ ref }) => objectId(ref)));
  const all: readonly (readonly [Resource, KubeObject | undefined])[] = [
    [SERVICE_IMPORTS, present.import],
    [SERVICES, isNeededAsOwner(present, wanted) ? undefined : present.service],
    ...[...(present.strays?.values() ?? [])].map((stray) => [SERVICES, stray] as const),
    ...[...present.slices.values()].map((slice) => [ENDPOINT_SLICES, slice] as const),
  ];
  return all.flatMap(([resource, object]) => {
    if (object?.metadata.uid === undefined || !isOurs(object)) return [];
    const { namespace, name, uid } = object.metadata;
    const ref = { resource, namespace, name };
    return wanted.has(objectId(ref)) ? [] : [{ ref, uid }];
  });
}

/**
 * A service that becomes headless has no derived Service any more; the import does not go with it. While it still names
 * the Service as its owner, the garbage collector would take it along.
 */
function isNeededAsOwner({ import: present, service }: PresentImport, wanted: ReadonlySet<ObjectId>): boolean {
  if (present === undefined || service?.metadata.uid === undefined) return false;
  const { namespace, name, ownerReferences = [] } = present.metadata;
  const { uid } = service.metadata;
  return (
    wanted.has(objectId({ resource: SERVICE_IMPORTS, namespace, name })) &&
    ownerReferences.some((owner) => owner.uid === uid)
  );
}

function foreignFinding(key: ServiceKey): Finding {
  return {
    severity: 'error',
    reason: 'Conflict',
    message: `ServiceImport ${key} exists and is not ours: the service is not imported`,
    hint: 'delete it, or let another controller import the service and leave it out of imports here',
  };
}

function addressFindings(key: ServiceKey, reaches: readonly Reach[]): readonly Finding[] {
  return reaches.flatMap((reach) => {
    if (reach.kind !== 'direct' || reach.refused === 0) return [];
    return [
      {
        severity: 'error' as const,
        reason: 'AddressForbidden',
        message: `${reach.refused} endpoints of ${key} in ${reach.cluster} were left out: their addresses cannot be its own`,
        hint: 'pod ranges of clusters that reach each other directly must not overlap',
      },
    ];
  });
}
