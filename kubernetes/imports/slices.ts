import { createHash } from 'node:crypto';
import { compareText, type ServiceKey } from '../../federation/model/ids.ts';
import type { ServicePort } from '../../federation/model/records.ts';
import type { EndpointObject, EndpointPortObject, OwnerReference } from '../api/objects.ts';
import type { Desired } from '../apply/desired.ts';
import { sealManifest } from '../apply/desired.ts';
import { slicePort } from './imported-ports.ts';
import type { GatewayPod, IpFamily } from './input.ts';
import { gatewaySliceName, sliceRef } from './names.ts';
import { familyOf, type Pod } from './pods.ts';
import { splitStably } from './split.ts';

/** What all slices of one purpose have in common. */
export interface SliceFrame {
  readonly key: ServiceKey;
  /** The start of their names. */
  readonly prefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly owner: OwnerReference;
}

const FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6'];
/** As the API server's own controller fills them (`--max-endpoints-per-slice`): a change rewrites one slice. */
export const ENDPOINTS_PER_SLICE_MAX = 100;
const PORTS_HASH_DIGITS = 8;

/** One slice for each family that the gateways have; an empty IPv4 one when there is no gateway at all. */
export function gatewaySlices(
  frame: SliceFrame,
  gateways: readonly GatewayPod[],
  of: { readonly ports: readonly EndpointPortObject[]; readonly ready: boolean },
): readonly Desired[] {
  const byFamily = FAMILIES.map((family) => ({ family, endpoints: endpointsOf(gateways, family, of.ready) }));
  const filled = byFamily.filter(({ endpoints }) => endpoints.length > 0);
  return (filled.length > 0 ? filled : byFamily.slice(0, 1)).map(({ family, endpoints }) =>
    sliceOf(frame, { name: gatewaySliceName(frame.prefix, family), family, ports: of.ports, endpoints }),
  );
}

/** Pods that offer the same port numbers share slices; at most `ENDPOINTS_PER_SLICE_MAX` in one. */
export function podSlices(frame: SliceFrame, ports: readonly ServicePort[], pods: readonly Pod[]): readonly Desired[] {
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    const group = `${pod.family} ${pod.ports.join()}`;
    const others = groups.get(group);
    if (others === undefined) groups.set(group, [pod]);
    else others.push(pod);
  }
  return [...groups.values()].flatMap((group) => slicesOfGroup(frame, ports, unique(group)));
}

function slicesOfGroup(frame: SliceFrame, ports: readonly ServicePort[], pods: readonly Pod[]): readonly Desired[] {
  const [first] = pods;
  if (first === undefined) return [];
  const numbers = first.ports;
  const slicePorts = ports.flatMap((port, index) => {
    const number = numbers[index] ?? 0;
    return number === 0 ? [] : [slicePort(port, number)];
  });
  const hash = createHash('sha256').update(JSON.stringify(slicePorts)).digest('hex').slice(0, PORTS_HASH_DIGITS);
  const base = `${gatewaySliceName(frame.prefix, first.family)}.${hash}`;
  return splitStably(pods, identityOf, ENDPOINTS_PER_SLICE_MAX).map(({ name, items }) =>
    sliceOf(frame, {
      name: name === '' ? base : `${base}.${name}`,
      family: first.family,
      ports: slicePorts,
      endpoints: items.map(podEndpoint),
    }),
  );
}

/** Sorted, without the second of two equal ones: sources may name a pod in several slices. */
function unique(pods: readonly Pod[]): readonly Pod[] {
  const byIdentity = new Map(pods.map((pod) => [identityOf(pod), pod]));
  return [...byIdentity].sort(([left], [right]) => compareText(left, right)).map(([, pod]) => pod);
}

function identityOf({ address, hostname = '' }: Pod): string {
  return `${address} ${hostname}`;
}

function podEndpoint({ address, ready, hostname, zone }: Pod): EndpointObject {
  return {
    addresses: [address],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(zone === undefined ? {} : { zone }),
  };
}

function endpointsOf(gateways: readonly GatewayPod[], family: IpFamily, ready: boolean): readonly EndpointObject[] {
  return gateways
    .flatMap(({ addresses, zone, nodeName }) => {
      const address = addresses.find((candidate) => familyOf(candidate) === family);
      if (address === undefined) return [];
      return [
        {
          addresses: [address],
          conditions: { ready },
          ...(nodeName === undefined ? {} : { nodeName }),
          ...(zone === undefined ? {} : { zone }),
        },
      ];
    })
    .sort((left, right) => compareText(left.addresses[0] ?? '', right.addresses[0] ?? ''));
}

function sliceOf(
  { key, labels, owner }: SliceFrame,
  slice: {
    readonly name: string;
    readonly family: IpFamily;
    readonly ports: readonly EndpointPortObject[];
    readonly endpoints: readonly EndpointObject[];
  },
): Desired {
  const ref = sliceRef(key, slice.name);
  const fields = { addressType: slice.family, endpoints: slice.endpoints, ports: slice.ports };
  return { ref, manifest: sealManifest(ref, { labels, ownerReferences: [owner], fields }) };
}
