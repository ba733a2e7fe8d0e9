import { isIPv4, isIPv6 } from 'node:net';
import { checkGatewayAddress } from '../../federation/model/addresses.ts';
import { isDnsLabel } from '../../federation/model/ids.ts';
import { LABEL_VALUE } from '../../federation/model/record-schemas.ts';
import type { EndpointObject, EndpointSliceObject, ObjectKey } from '../api/objects.ts';
import {
  MANAGED_BY,
  MANAGED_BY_LABEL,
  SERVICE_NAME_LABEL,
  SLICE_MANAGED_BY,
  SLICE_MANAGED_BY_LABEL,
} from '../names.ts';
import type { IpFamily } from './projections.ts';

/**
 * What is kept of an EndpointSlice: tens of thousands of endpoints pass here, so equal texts are kept once and everything
 * that only a scheduler wants is let go.
 */
export interface SlimSlice {
  /** `NAMESPACE/NAME` of its Service. */
  readonly service: ObjectKey;
  readonly family: IpFamily;
  readonly endpoints: readonly SlimEndpoint[];
  readonly ports: readonly SlicePort[];
}

export interface SlimEndpoint {
  readonly address: string;
  readonly ready: boolean;
  readonly hostname: string | undefined;
  readonly zone: string | undefined;
}

export interface SlicePort {
  /** Name of the Service's port; empty when that has none. */
  readonly name: string;
  readonly port: number;
}

/** For the server, so that what we write ourselves does not come back as news. */
export const SLICE_SELECTOR = `${SERVICE_NAME_LABEL},${SLICE_MANAGED_BY_LABEL}!=${SLICE_MANAGED_BY}`;

/**
 * `undefined` for slices of no Service, of names instead of addresses, and our own ones: gateways in an exported
 * endpoint list would be a loop.
 */
export function projectSlice({ metadata, addressType, endpoints, ports }: EndpointSliceObject): SlimSlice | undefined {
  const labels = metadata.labels ?? {};
  const name = labels[SERVICE_NAME_LABEL];
  const isOurs = labels[SLICE_MANAGED_BY_LABEL] === SLICE_MANAGED_BY || labels[MANAGED_BY_LABEL] === MANAGED_BY;
  if (name === undefined || isOurs || addressType === 'FQDN') return undefined;
  const zones = new Map<string, string>();
  return {
    service: `${metadata.namespace ?? ''}/${name}`,
    family: addressType,
    endpoints: (endpoints ?? []).flatMap((endpoint) => toEndpoint(endpoint, addressType, zones)),
    // A port without a number belongs to slices that were not made for a Service (discovery/v1).
    ports: (ports ?? []).flatMap((port) =>
      typeof port.port === 'number' ? [{ name: port.name ?? '', port: port.port }] : [],
    ),
  };
}

/** All addresses of one endpoint are interchangeable (discovery/v1), and everybody uses the first. */
function toEndpoint(endpoint: EndpointObject, family: IpFamily, zones: Map<string, string>): readonly SlimEndpoint[] {
  const [address] = endpoint.addresses;
  if (address === undefined || !isUsable(address, family)) return [];
  const { hostname } = endpoint;
  return [
    {
      address,
      // Absent means ready. An endpoint that terminates is not ready, even while it still serves.
      ready: endpoint.conditions?.ready !== false,
      hostname: hostname !== undefined && isDnsLabel(hostname) ? hostname : undefined,
      zone: zoneOf(endpoint, zones),
    },
  ];
}

/** The API takes any text for a zone; records take label values only. */
function zoneOf({ zone }: EndpointObject, zones: Map<string, string>): string | undefined {
  if (zone === undefined || zone === '' || !LABEL_VALUE.test(zone)) return undefined;
  const known = zones.get(zone);
  if (known !== undefined) return known;
  zones.set(zone, zone);
  return zone;
}

/**
 * Who may write slices in one namespace must not make the gateway dial the node, the cloud's metadata service or itself
 * on behalf of other clusters (CVE-2021-25740). The API server refuses most of these by itself.
 */
function isUsable(address: string, family: IpFamily): boolean {
  if (family === 'IPv4') return isIPv4(address) && (!SUSPECT_IPV4.test(address) || isAllowed(address));
  return isIPv6(address) && isAllowed(address);
}

/** What the never-list could hold against it; most pods are passed at sight. */
const SUSPECT_IPV4 = /^(?:0|127|169|100|168|192\.0\.0|22[4-9]|23\d|24\d|25\d)\./;

function isAllowed(address: string): boolean {
  return checkGatewayAddress(address, NO_OWN_RANGES).ok;
}

const NO_OWN_RANGES = { dev: false, ownRanges: [] } as const;
