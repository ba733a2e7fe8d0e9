import type { ClusterId, NetworkId, ServiceKey } from './ids.ts';

/**
 * In which order this cluster's callers use the clusters that export a service, where somebody said so (`FailoverPolicy`).
 * Where nobody did, the nearest comes first: that order is made when gateways are programmed.
 */
export type FailoverPlace =
  | { readonly kind: 'cluster'; readonly cluster: ClusterId }
  | { readonly kind: 'network'; readonly network: NetworkId }
  | { readonly kind: 'region'; readonly region: string };

export interface FailoverOrder {
  /** The clusters of one place share the traffic; a place is used when no earlier one can serve. Not empty. */
  readonly places: readonly FailoverPlace[];
  /** Clusters in none of the places: after all of them, nearest first, or not at all. */
  readonly rest: 'allow' | 'deny';
}

/** Unchanged orders keep their identity. */
export interface FailoverOrders {
  readonly services: ReadonlyMap<ServiceKey, FailoverOrder>;
  /** For the services of a namespace that have none of their own. */
  readonly namespaces: ReadonlyMap<string, FailoverOrder>;
}

export const NO_ORDERS: FailoverOrders = { services: new Map(), namespaces: new Map() };

export function failoverOf(orders: FailoverOrders | undefined, service: ServiceKey): FailoverOrder | undefined {
  if (orders === undefined) return undefined;
  return orders.services.get(service) ?? orders.namespaces.get(namespaceOf(service));
}

export function namespaceOf(service: ServiceKey): string {
  return service.slice(0, service.indexOf('/'));
}
