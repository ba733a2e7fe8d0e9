import { IsthmusError } from '../../runtime/errors.ts';

/**
 * Names, as branded strings, so that a cluster is never handed where a network is meant. All are DNS labels
 * (RFC 1123, at most 63 octets), because they become SNI labels, SPIFFE trust domains and Kubernetes object names.
 */
export type ClusterId = string & { readonly __brand: 'ClusterId' };
export type NetworkId = string & { readonly __brand: 'NetworkId' };
/** `NAMESPACE/NAME` */
export type ServiceKey = string & { readonly __brand: 'ServiceKey' };
/** `NAMESPACE/NAME:PORT`, PORT being the Service's port number */
export type ServicePortKey = string & { readonly __brand: 'ServicePortKey' };

export class InvalidNameError extends IsthmusError {
  constructor(what: string, text: string) {
    super('invalid-name', `${what} ${JSON.stringify(text.slice(0, 80))} is not a DNS label`, {
      hint: 'use 1 to 63 lower-case letters, digits and inner dashes',
    });
  }
}

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_NAME_MAX = 253;

export function isDnsLabel(text: string): boolean {
  return LABEL.test(text);
}

/** Dot-separated labels, at most 253 octets, no trailing dot. */
export function isDnsName(text: string): boolean {
  return text.length <= DNS_NAME_MAX && text.split('.').every(isDnsLabel);
}

export function parseClusterId(text: string): ClusterId {
  if (!isDnsLabel(text)) throw new InvalidNameError('cluster name', text);
  return text as ClusterId;
}

export function parseNetworkId(text: string): NetworkId {
  if (!isDnsLabel(text)) throw new InvalidNameError('network name', text);
  return text as NetworkId;
}

export function serviceKey(namespace: string, name: string): ServiceKey {
  if (!isDnsLabel(namespace)) throw new InvalidNameError('namespace', namespace);
  if (!isDnsLabel(name)) throw new InvalidNameError('service name', name);
  return `${namespace}/${name}` as ServiceKey;
}

export function servicePortKey(service: ServiceKey, port: number): ServicePortKey {
  return `${service}:${port}` as ServicePortKey;
}

/** Byte order, the same on every machine: what signatures, goldens and conflict rules sort by. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
