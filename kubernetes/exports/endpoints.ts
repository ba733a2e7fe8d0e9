import type { LocalEndpoint } from '../../federation/model/local.ts';
import type { ServicePort } from '../../federation/model/records.ts';
import type { IpFamily } from './projections.ts';
import type { SlimSlice } from './slice-projection.ts';

/**
 * The endpoints of one Service from all its slices. A slice names its ports by the Service's port names, and two slices of
 * one Service may well disagree about the number behind a name: that is how named target ports reach pods of different
 * versions.
 */

/** More than any one gateway balances well; beyond it the rest is left out, and the status says so. */
export const ENDPOINTS_PER_SERVICE_MAX = 10_000;

export interface ServiceEndpoints {
  readonly endpoints: readonly LocalEndpoint[];
  readonly leftOut: number;
}

/**
 * `slices` in an order that does not depend on when they were heard of. Of a Service with two IP families only the
 * first that has endpoints counts: both name the same pods.
 */
export function endpointsOf(
  slices: readonly SlimSlice[],
  { ports, families }: { readonly ports: readonly ServicePort[]; readonly families: readonly IpFamily[] },
): ServiceEndpoints {
  const family = familyOf(slices, families);
  const listed = slices.filter((slice) => slice.family === family).map((slice) => sliceEndpoints(slice, ports));
  const [only, ...others] = listed;
  // As one slice has it, where there is nothing to compare it with: a slice does not name an address twice.
  const merged = only !== undefined && others.length === 0 && areDistinct(only) ? only : mergeAll(listed);
  if (merged.length <= ENDPOINTS_PER_SERVICE_MAX) return { endpoints: merged, leftOut: 0 };
  return {
    endpoints: merged.slice(0, ENDPOINTS_PER_SERVICE_MAX),
    leftOut: merged.length - ENDPOINTS_PER_SERVICE_MAX,
  };
}

function familyOf(slices: readonly SlimSlice[], preferred: readonly IpFamily[]): IpFamily | undefined {
  const order: readonly IpFamily[] = [...preferred, 'IPv4', 'IPv6'];
  return order.find((family) => slices.some((slice) => slice.family === family && slice.endpoints.length > 0));
}

/** Most changes touch one slice of many; what the others give is kept as long as they and the Service's ports stay. */
const known = new WeakMap<SlimSlice, { ports: readonly ServicePort[]; endpoints: readonly LocalEndpoint[] }>();

function sliceEndpoints(slice: SlimSlice, ports: readonly ServicePort[]): readonly LocalEndpoint[] {
  const before = known.get(slice);
  if (before?.ports === ports) return before.endpoints;
  const numbers = portNumbers(slice, ports);
  const endpoints = slice.endpoints.map(
    ({ address, ready, hostname, zone }): LocalEndpoint => ({
      address,
      ports: numbers,
      ready,
      ...(hostname === undefined ? {} : { hostname }),
      ...(zone === undefined ? {} : { zone }),
    }),
  );
  known.set(slice, { ports, endpoints });
  return endpoints;
}

/** Shared by all endpoints of the slice. Where TCP and UDP have one number the key has room for one, and that is TCP. */
function portNumbers(slice: SlimSlice, ports: readonly ServicePort[]): Readonly<Record<number, number>> {
  const numbers: Record<number, number> = {};
  for (const port of [...ports].sort(tcpLast)) {
    const target = slice.ports.find(({ name }) => name === port.name)?.port;
    if (target !== undefined) numbers[port.port] = target;
    else if (port.protocol === 'TCP') delete numbers[port.port];
  }
  return numbers;
}

function tcpLast(left: ServicePort, right: ServicePort): number {
  return Number(left.protocol === 'TCP') - Number(right.protocol === 'TCP');
}

function areDistinct(endpoints: readonly LocalEndpoint[]): boolean {
  return new Set(endpoints.map(({ address }) => address)).size === endpoints.length;
}

/**
 * While the slices' writer moves an endpoint from one slice to another it stands in both, and must not count twice. One
 * address may also be two endpoints: pods on the host's network that listen on different ports.
 */
function mergeAll(listed: readonly (readonly LocalEndpoint[])[]): readonly LocalEndpoint[] {
  const merged: LocalEndpoint[] = [];
  const places = new Map<string, number[]>();
  for (const endpoint of listed.flat()) {
    const at = places.get(endpoint.address);
    const place = at?.find((index) => isSameEndpoint(merged[index], endpoint));
    const before = place === undefined ? undefined : merged[place];
    if (place !== undefined && before !== undefined) {
      merged[place] = combine(before, endpoint);
      continue;
    }
    if (at === undefined) places.set(endpoint.address, [merged.length]);
    else at.push(merged.length);
    merged.push(endpoint);
  }
  return merged;
}

/** They agree on the ports that both name, and on being ready unless they name the same ones. */
function isSameEndpoint(left: LocalEndpoint | undefined, right: LocalEndpoint): boolean {
  if (left === undefined) return false;
  const [ours, theirs] = [Object.keys(left.ports).map(Number), Object.keys(right.ports).map(Number)];
  const common = ours.filter((port) => right.ports[port] !== undefined);
  if (common.some((port) => left.ports[port] !== right.ports[port])) return false;
  return left.ready === right.ready || (common.length === ours.length && common.length === theirs.length);
}

function combine(left: LocalEndpoint, right: LocalEndpoint): LocalEndpoint {
  const hostname = left.hostname ?? right.hostname;
  const zone = left.zone ?? right.zone;
  return {
    address: left.address,
    ports: { ...left.ports, ...right.ports },
    ready: left.ready || right.ready,
    ...(hostname === undefined ? {} : { hostname }),
    ...(zone === undefined ? {} : { zone }),
  };
}
