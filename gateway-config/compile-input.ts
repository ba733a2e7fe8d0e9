import type { FailoverOrders } from '../federation/model/failover-order.ts';
import type { ClusterId, ServicePortKey } from '../federation/model/ids.ts';
import { servicePortKey } from '../federation/model/ids.ts';
import type { LocalEndpoint, LocalService, LocalView } from '../federation/model/local.ts';
import type { AppProtocol, ServicePort } from '../federation/model/records.ts';
import type { FederationState, MergedService } from '../federation/model/state.ts';
import type { Roster } from '../trust/contract.ts';
import type { Place } from './failover.ts';
import type { EndpointIR, VoidToken } from './ir.ts';

/** All that a gateway set's configuration depends on. Values only: whoever holds the same ones compiles the same IR. */
export interface CompileInput {
  readonly state: FederationState;
  readonly local: LocalView;
  readonly roster: Roster;
  readonly site: CompileSite;
  /** The imported service ports and their gateway ports (`ports.ts`). */
  readonly ports: ReadonlyMap<ServicePortKey, number>;
  readonly voidToken: VoidToken;
  /** `NS/NAME:PORT|ADDRESS:PORT` of own endpoints that fail the check of the exporting Envoy. */
  readonly unhealthy: ReadonlySet<string>;
  /** Gateway host names -> their addresses, already filtered by the address rules. Unresolved ones are missing. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** Absent: nearest first for every service. */
  readonly failover?: FailoverOrders | undefined;
}

export interface CompileSite extends Place {
  readonly cluster: ClusterId;
  readonly clustersetDomain: string;
  /** Name of the gateway set, the last part of its SPIFFE ID. One name for the whole clusterset. */
  readonly gatewaySet: string;
  /** Where peers connect to. */
  readonly eastWest: { readonly address: string; readonly port: number };
  /** Where local workloads connect to. */
  readonly egressAddress: string;
}

/** One port of an own exported service. */
export interface OwnPort {
  readonly service: ServicePortKey;
  /** What the own pods speak. */
  readonly protocol: AppProtocol;
  /** The port's number: what endpoints are indexed by. */
  readonly number: number;
}

/**
 * The TCP ports that an own service supplies to the clusterset: those on whose number and kind (HTTP or not) the merge
 * agrees, found as the merge finds them (by name, then by number). Callers speak by the merged port; where this cluster
 * means something else by it, what they would reach here is another service.
 */
export function ownPorts(local: LocalService, merged: MergedService | undefined): readonly OwnPort[] {
  const byService = new Map<ServicePortKey, OwnPort>();
  for (const port of local.ports.filter(isTcp)) {
    const service = servicePortKey(local.key, port.port);
    if (byService.has(service) || (merged !== undefined && !agrees(port, merged))) continue;
    byService.set(service, { service, protocol: port.appProtocol, number: port.port });
  }
  return [...byService.values()];
}

function agrees(port: ServicePort, merged: MergedService): boolean {
  const candidates = merged.ports.filter(isTcp);
  const sameName = port.name === '' ? undefined : candidates.find((candidate) => candidate.name === port.name);
  const match = sameName ?? candidates.find((candidate) => candidate.port === port.port);
  return match?.port === port.port && isHttp(match.appProtocol) === isHttp(port.appProtocol);
}

export function isHttp(protocol: AppProtocol): boolean {
  return protocol !== 'tcp';
}

function isTcp(port: ServicePort): boolean {
  return port.protocol === 'TCP';
}

/** Ready endpoints that offer the port, sorted by address and port, each once. */
export function readyEndpoints(endpoints: readonly LocalEndpoint[], number: number): readonly EndpointIR[] {
  const found = new Map<string, EndpointIR>();
  for (const endpoint of endpoints) {
    const port = endpoint.ports[number];
    if (!endpoint.ready || port === undefined) continue;
    const zone = endpoint.zone === undefined ? {} : { zone: endpoint.zone };
    found.set(addressText(endpoint.address, port), { address: endpoint.address, port, ...zone });
  }
  return [...found.values()].sort(compareEndpoints);
}

export function addressText(address: string, port: number): string {
  return `${address}:${port}`;
}

export function compareEndpoints(left: EndpointIR, right: EndpointIR): number {
  if (left.address !== right.address) return left.address < right.address ? -1 : 1;
  return left.port - right.port;
}
