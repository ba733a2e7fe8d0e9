import { isIPv4, isIPv6 } from 'node:net';
import { checkGatewayAddress } from '../federation/model/addresses.ts';
import { compareText } from '../federation/model/ids.ts';
import type { GatewayAddress } from '../federation/model/records.ts';
import type { Finding } from '../runtime/errors.ts';
import type { NodeObject, ServiceObject, ServicePortObject } from './api/objects.ts';

/**
 * Where other clusters reach this cluster's gateways: what the site's configuration states, else from what the cluster says
 * about the Service in front of them the addresses of its load balancer, else its node port on the nodes. Pure.
 */
export interface SlimGatewayService {
  /** IP addresses of the load balancer, else its host names. */
  readonly ingress: readonly string[];
  readonly port: number;
  readonly nodePort: number | undefined;
  /** Only nodes with a gateway pod answer (`externalTrafficPolicy: Local`). */
  readonly localOnly: boolean;
  readonly family: 'IPv4' | 'IPv6';
}

export interface SlimNode {
  readonly name: string;
  readonly zone: string | undefined;
  /** Ready, and not cordoned. */
  readonly usable: boolean;
  readonly external: readonly string[];
  readonly internal: readonly string[];
}

export interface GatewayAddressesInput {
  readonly service: SlimGatewayService | undefined;
  readonly nodes: readonly SlimNode[];
  /** Names of the nodes that have a ready gateway pod. */
  readonly gatewayNodes: ReadonlySet<string>;
  /** `Site.spec.kubernetes.gatewayAddress`: whoever states it knows what the cluster does not, a NAT or another network say. */
  readonly fixed: readonly GatewayAddress[];
  /** A clusterset made with `--dev` may use loopback. */
  readonly dev: boolean;
}

export interface GatewayAddresses {
  readonly origin: 'LoadBalancer' | 'NodePort' | 'Site' | 'None';
  readonly addresses: readonly GatewayAddress[];
  readonly findings: readonly Finding[];
}

/** A record has room for as many; more make no gateway more reachable. */
const ADDRESSES_MAX = 16;
const GATEWAY_PORT = 15_443;
const GATEWAY_PORT_NAME = 'gateway';
/** Kubernetes: well-known labels. */
const ZONE_LABEL = 'topology.kubernetes.io/zone';

/**
 * What is stated; else the first origin that has an address that others would take. A load balancer without one yet is passed over: its node
 * ports work from the first moment, and on bare metal nothing else ever will.
 */
export function gatewayAddresses(input: GatewayAddressesInput): GatewayAddresses {
  const findings: Finding[] = [];
  const { service, dev, fixed } = input;
  const sound = (addresses: readonly GatewayAddress[]): readonly GatewayAddress[] =>
    addresses.filter(({ host }) => {
      const checked = checkGatewayAddress(host, { dev, ownRanges: [] });
      if (!checked.ok) findings.push({ severity: 'warning', reason: checked.reason, message: checked.message });
      return checked.ok;
    });
  if (fixed.length > 0) return { origin: 'Site', addresses: fixed.slice(0, ADDRESSES_MAX), findings };
  if (service !== undefined) {
    const ingress = sound(service.ingress.map((host) => ({ host, port: service.port })));
    if (ingress.length > 0) return { origin: 'LoadBalancer', addresses: ingress.slice(0, ADDRESSES_MAX), findings };
    const nodes = sound(nodeAddresses(service, input));
    if (nodes.length > 0) return { origin: 'NodePort', addresses: nodes.slice(0, ADDRESSES_MAX), findings };
  }
  return { origin: 'None', addresses: [], findings: [...findings, NO_ADDRESS] };
}

const NO_ADDRESS: Finding = {
  severity: 'warning',
  reason: 'NoGatewayAddress',
  message: 'the gateway Service has neither a load balancer address nor a node port, so no other cluster can reach it',
  hint: 'give the Service type LoadBalancer or NodePort, or state spec.kubernetes.gatewayAddress in the Site',
};

/** Whether the nodes matter at all: a cluster may have thousands, and their heartbeats. */
export function needsNodes(
  service: SlimGatewayService | undefined,
  { fixed }: Pick<GatewayAddressesInput, 'fixed'>,
): boolean {
  return fixed.length === 0 && service?.nodePort !== undefined && service.ingress.length === 0;
}

export function projectGatewayService({ spec = {}, status }: ServiceObject): SlimGatewayService | undefined {
  const port = gatewayPort(spec.ports ?? []);
  if (port === undefined) return undefined;
  const ingress = spec.type === 'LoadBalancer' ? (status?.loadBalancer?.ingress ?? []) : [];
  const ips = ingress.flatMap(({ ip }) => (ip === undefined || ip === '' ? [] : [ip]));
  const hostnames = ingress.flatMap(({ hostname = '' }) => (hostname === '' ? [] : [hostname.toLowerCase()]));
  const isOnNodes = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  return {
    ingress: [...new Set(ips.length > 0 ? ips : hostnames)].sort(compareText),
    port: port.port,
    nodePort: isOnNodes && port.nodePort !== 0 ? port.nodePort : undefined,
    localOnly: spec.externalTrafficPolicy === 'Local',
    family: spec.ipFamilies?.[0] === 'IPv6' ? 'IPv6' : 'IPv4',
  };
}

/** By name, by target, by number; a Service with one port means that one. */
function gatewayPort(ports: readonly ServicePortObject[]): ServicePortObject | undefined {
  return (
    ports.find(({ name }) => name === GATEWAY_PORT_NAME) ??
    ports.find(({ targetPort }) => targetPort === GATEWAY_PORT || targetPort === GATEWAY_PORT_NAME) ??
    ports.find(({ port }) => port === GATEWAY_PORT) ??
    (ports.length === 1 ? ports[0] : undefined)
  );
}

export function projectNode({ metadata, spec = {}, status = {} }: NodeObject): SlimNode {
  const isReady = status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
  const ofType = (wanted: string): readonly string[] =>
    (status.addresses ?? []).flatMap(({ type, address }) => (type === wanted ? [address] : []));
  return {
    name: metadata.name,
    zone: metadata.labels?.[ZONE_LABEL],
    usable: isReady && spec.unschedulable !== true && metadata.deletionTimestamp === undefined,
    external: ofType('ExternalIP'),
    internal: ofType('InternalIP'),
  };
}

/** One address a node, so that many are many nodes. Internal ones only where no node has an external one. */
function nodeAddresses(
  { nodePort, localOnly, family }: SlimGatewayService,
  { nodes, gatewayNodes }: GatewayAddressesInput,
): readonly GatewayAddress[] {
  if (nodePort === undefined) return [];
  const isOfFamily = family === 'IPv6' ? isIPv6 : isIPv4;
  const usable = nodes.filter(({ name, usable: isUsable }) => isUsable && (!localOnly || gatewayNodes.has(name)));
  const external = usable.some((node) => node.external.some(isOfFamily));
  return spread(usable).flatMap((node) => {
    const host = (external ? node.external : node.internal).find(isOfFamily);
    return host === undefined ? [] : [{ host, port: nodePort }];
  });
}

/** Zone by zone in turn, so that the few that are published do not all lie in one. */
function spread(nodes: readonly SlimNode[]): readonly SlimNode[] {
  const zones = new Map<string, SlimNode[]>();
  for (const node of [...nodes].sort((left, right) => compareText(left.name, right.name))) {
    const zone = zones.get(node.zone ?? '') ?? [];
    zone.push(node);
    zones.set(node.zone ?? '', zone);
  }
  const inOrder = [...zones].sort((left, right) => compareText(left[0], right[0])).map(([, zone]) => zone);
  const longest = Math.max(0, ...inOrder.map((zone) => zone.length));
  return Array.from({ length: longest }, (_, turn) => inOrder.flatMap((zone) => zone[turn] ?? [])).flat();
}
