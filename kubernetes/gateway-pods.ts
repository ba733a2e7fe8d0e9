import { compareText } from '../federation/model/ids.ts';
import type { EndpointSliceObject } from './api/objects.ts';

/**
 * The own gateway pods that are ready, from the EndpointSlices of the gateway Service. What this cluster imports leads to
 * them by their pod addresses. Pure.
 */
export interface GatewayPod {
  /** Name of the pod. */
  readonly name: string;
  /** At most one of each family, IPv4 first. */
  readonly addresses: readonly string[];
  readonly zone?: string | undefined;
  readonly nodeName?: string | undefined;
}

/** What is kept of one such slice. */
export interface PodSlice {
  readonly family: 'IPv4' | 'IPv6';
  readonly pods: readonly (Omit<GatewayPod, 'addresses'> & { readonly address: string })[];
}

export function projectPodSlice({ addressType, endpoints }: EndpointSliceObject): PodSlice | undefined {
  if (addressType === 'FQDN') return undefined;
  const pods = (endpoints ?? []).flatMap(({ addresses: [address], conditions, targetRef, zone, nodeName }) =>
    address === undefined || conditions?.ready === false
      ? []
      : [{ name: targetRef?.name ?? address, address, zone, nodeName }],
  );
  return { family: addressType, pods };
}

/** Sorted by name, whatever the slices' order; a pod that stands in two slices of one family has the address of one. */
export function gatewayPods(slices: readonly PodSlice[]): readonly GatewayPod[] {
  const found = new Map<string, { pod: PodSlice['pods'][number]; IPv4?: string; IPv6?: string }>();
  for (const { family, pods } of slices) {
    for (const pod of pods) {
      const entry = found.get(pod.name) ?? { pod };
      const before = entry[family];
      entry[family] = before === undefined || pod.address < before ? pod.address : before;
      found.set(pod.name, entry);
    }
  }
  return [...found.values()]
    .map(({ pod: { name, zone, nodeName }, IPv4, IPv6 }): GatewayPod => {
      const addresses = [IPv4, IPv6].filter((address) => address !== undefined);
      return {
        name,
        addresses,
        ...(zone === undefined ? {} : { zone }),
        ...(nodeName === undefined ? {} : { nodeName }),
      };
    })
    .sort((left, right) => compareText(left.name, right.name));
}
