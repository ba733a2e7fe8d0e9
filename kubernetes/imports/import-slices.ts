import type { ServiceKey } from '../../federation/model/ids.ts';
import type { MergedService, ServiceBackend } from '../../federation/model/state.ts';
import { assertNever } from '../../runtime/errors.ts';
import type { EndpointPortObject, OwnerReference, ServiceObject } from '../api/objects.ts';
import type { Desired } from '../apply/desired.ts';
import {
  MCS_SERVICE_NAME_LABEL,
  MCS_SOURCE_CLUSTER_LABEL,
  SERVICE_NAME_LABEL,
  SLICE_MANAGED_BY,
  SLICE_MANAGED_BY_LABEL,
} from '../names.ts';
import { type Derived, derivedLabels, ownedByDerived } from './derived-service.ts';
import { type ImportedPort, rememberedPorts, slicePort } from './imported-ports.ts';
import type { GatewayPod } from './input.ts';
import { clusterSlicePrefix, derivedName, serviceSlicePrefix, splitKey } from './names.ts';
import type { Reach } from './reach.ts';
import { gatewaySlices, podSlices, type SliceFrame } from './slices.ts';

/**
 * The EndpointSlices of one import, of two kinds. Those of the derived Service are what kube-proxy follows: gateway pods, or
 * where all is routable the pods themselves. Those with the MCS labels tell, per source cluster, what is behind the import;
 * they do not carry `kubernetes.io/service-name`, or kube-proxy would send traffic past the gateways' priorities.
 */
export interface SliceInput {
  readonly service: MergedService;
  readonly reaches: readonly Reach[];
  readonly ports: readonly ImportedPort[];
  readonly gateways: readonly GatewayPod[];
  readonly allDirect: boolean;
}

/** What kube-proxy's own selector leaves out: it would log an error for each slice without a Service. */
const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/**
 * Above that many source clusters an import has no slices with the MCS labels, and says so (`endpointSliceObjects: Absent`):
 * 1,000 imports from 100 clusters would be 100,000 objects that all name the same gateways.
 */
export const SLICED_CLUSTERS_MAX = 16;

/** Whether the import has slices with the MCS labels, or will have them as soon as it is there to own them. */
export function isSliced({ service, reaches }: Pick<SliceInput, 'service' | 'reaches'>): boolean {
  const isHeadless = service.type === 'Headless';
  if (!isHeadless && reaches.length > SLICED_CLUSTERS_MAX) return false;
  return reaches.some((reach) => ('pods' in reach ? reach.pods.length > 0 : reach.kind === 'gateway' && !isHeadless));
}

export function derivedSlices(input: SliceInput, derived: Derived): readonly Desired[] {
  const { service, reaches, gateways, ports, allDirect } = input;
  const frame = derivedFrame(service.key, derived);
  if (allDirect) {
    const pods = reaches.flatMap((reach) => ('pods' in reach ? reach.pods : []));
    return podSlices(frame, service.ports, pods);
  }
  return gatewaySlices(frame, gateways, { ports: gatewayPorts(ports), ready: true });
}

/** The gateway slices of a Service whose import nothing is known of yet: its ports are where they were. */
export function carriedSlices(
  key: ServiceKey,
  derived: Derived,
  service: ServiceObject,
  gateways: readonly GatewayPod[],
): readonly Desired[] {
  return gatewaySlices(derivedFrame(key, derived), gateways, { ports: rememberedPorts(service), ready: true });
}

function derivedFrame(key: ServiceKey, derived: Derived): SliceFrame {
  return {
    key,
    prefix: serviceSlicePrefix(key),
    labels: {
      ...derivedLabels(key),
      [SERVICE_NAME_LABEL]: derivedName(key),
      [SLICE_MANAGED_BY_LABEL]: SLICE_MANAGED_BY,
    },
    owner: ownedByDerived(key, derived),
  };
}

export function clusterSlices(input: SliceInput, owner: OwnerReference): readonly Desired[] {
  return input.reaches.flatMap((reach) => slicesOf(reach, input, owner));
}

function slicesOf(reach: Reach, input: SliceInput, owner: OwnerReference): readonly Desired[] {
  const { key, type, ports } = input.service;
  const { cluster } = reach;
  const frame: SliceFrame = {
    key,
    prefix: clusterSlicePrefix(key, cluster),
    labels: {
      ...derivedLabels(key),
      [MCS_SERVICE_NAME_LABEL]: splitKey(key).name,
      [MCS_SOURCE_CLUSTER_LABEL]: cluster,
      [SLICE_MANAGED_BY_LABEL]: SLICE_MANAGED_BY,
      [HEADLESS_LABEL]: '',
    },
    owner,
  };
  switch (reach.kind) {
    case 'own':
    case 'direct':
      return podSlices(frame, ports, reach.pods);
    case 'gateway':
      if (type === 'Headless') return [];
      return gatewaySlices(frame, input.gateways, {
        ports: gatewayPorts(input.ports, reach.backend),
        ready: reach.backend.ready.some(({ ready }) => ready > 0),
      });
    case 'refused':
      return [];
    default:
      return assertNever(reach);
  }
}

/** Of one backend: the ports that it has endpoints for, or all while it has none. */
function gatewayPorts(ports: readonly ImportedPort[], backend?: ServiceBackend): readonly EndpointPortObject[] {
  const offered = new Set(backend?.ready.filter(({ ready }) => ready > 0).map(({ port }) => port));
  return ports.flatMap(({ port, gatewayPort }) => {
    if (gatewayPort === undefined || (offered.size > 0 && !offered.has(port.port))) return [];
    return [slicePort(port, gatewayPort)];
  });
}
