/**
 * Names of everything that gateways say to each other or to their Envoy. Both ends compute them alone, so they are part
 * of the protocol between releases: changing one breaks mixed versions. `docs/reference/gateway.md` lists them.
 */
import { createHash } from 'node:crypto';
import type { ClusterId, ServicePortKey } from '../federation/model/ids.ts';

/** The one east-west listener, and the prefix of the route tables of its callers. */
export const INGRESS_LISTENER = 'in';
/** Internal listener of the bootstrap: the last resort of every HTTP cluster. */
export const VOID_LISTENER = 'void';
/** Secret with the gateway's own certificate and key, served by the agent beside Envoy, never by the controller. */
export const OWN_SECRET = 'own';
/** Static cluster of the bootstrap: the agent's unix socket. */
export const AGENT_CLUSTER = 'agent';

export const HEADER = {
  service: 'isthmus-service',
  reply: 'isthmus-reply',
  reason: 'isthmus-reason',
  void: 'isthmus-void',
} as const;

/** Everything below this prefix is ours; what applications or callers send is removed. */
export const HEADER_PREFIX = 'isthmus-';
export const HEALTH_PATH = '/.isthmus/health';

/** 128 bits: no second service can be found for a key, and the SNI fits one DNS label. */
const TCP_KEY_HEX_DIGITS = 32;

/** `K`: the DNS label that stands for a service port, which itself may be too long for one. */
export function tcpKey(service: ServicePortKey): string {
  return createHash('sha256').update(service).digest('hex').slice(0, TCP_KEY_HEX_DIGITS);
}

export function httpSni(caller: ClusterId, exporter: ClusterId, clustersetDomain: string): string {
  return `${caller}.${exporter}.${clustersetDomain}`;
}

export function tcpSni(service: ServicePortKey, pair: string): string {
  return `${tcpKey(service)}.${pair}`;
}

/** Listener and route table of one imported service port. */
export function egressName(service: ServicePortKey): string {
  return `egress|${service}`;
}

export function localClusterName(service: ServicePortKey): string {
  return `local|${service}`;
}

export function tcpClusterName(service: ServicePortKey): string {
  return `tcp|${service}`;
}

export function peerClusterName(peer: ClusterId): string {
  return `peer|${peer}`;
}

/** The cluster of an exported HTTP port. That of an exported TCP port is named `tcpKey`, as the SNI selects it by name. */
export function exportClusterName(service: ServicePortKey): string {
  return `export|${service}`;
}

export function ingressRouteName(caller: ClusterId): string {
  return `${INGRESS_LISTENER}|${caller}`;
}

export function anchorSecretName(peer: ClusterId): string {
  return `anchor|${peer}`;
}
