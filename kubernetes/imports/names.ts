import { createHash } from 'node:crypto';
import type { ClusterId, ServiceKey } from '../../federation/model/ids.ts';
import { serviceKey } from '../../federation/model/ids.ts';
import { ENDPOINT_SLICES, SERVICE_IMPORTS, SERVICES } from '../api/resources.ts';
import type { ObjectRef } from '../apply/desired.ts';
import type { IpFamily } from './input.ts';

/** Names of what stands for an import. They follow from the service's name alone, so that a restart finds its objects. */
export function splitKey(key: ServiceKey): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The names come from the API server, which checked them; what is no DNS label can be no service of ours. */
export function keyOf(namespace: string | undefined, name: string): ServiceKey | undefined {
  try {
    return serviceKey(namespace ?? '', name);
  } catch {
    return undefined; // ServiceImports of others may have names that no Service can have
  }
}

const HASH_DIGITS = 20;

/** `isthmus-` and 20 hex digits: a DNS label that begins with a letter, whatever the service is called. */
export function derivedName(key: ServiceKey): string {
  return `isthmus-${createHash('sha256').update(key).digest('hex').slice(0, HASH_DIGITS)}`;
}

/** Whether a Service or slice of that name is one that we make for the service. */
export function isNamedFor(key: ServiceKey, name: string): boolean {
  const derived = derivedName(key);
  return name === derived || name.startsWith(`${derived}.`);
}

export function importRef(key: ServiceKey): ObjectRef {
  return { resource: SERVICE_IMPORTS, ...splitKey(key) };
}

export function derivedRef(key: ServiceKey): ObjectRef {
  return { resource: SERVICES, namespace: splitKey(key).namespace, name: derivedName(key) };
}

export function sliceRef(key: ServiceKey, name: string): ObjectRef {
  return { resource: ENDPOINT_SLICES, namespace: splitKey(key).namespace, name };
}

/** The start of the names of slices of the derived Service. Parts are set off by dots, which no part contains. */
export function serviceSlicePrefix(key: ServiceKey): string {
  return derivedName(key);
}

/** The start of the names of slices with the MCS labels. */
export function clusterSlicePrefix(key: ServiceKey, cluster: ClusterId): string {
  return `${derivedName(key)}.from.${cluster}`;
}

export function gatewaySliceName(prefix: string, family: IpFamily): string {
  return `${prefix}.${family.toLowerCase()}`;
}
