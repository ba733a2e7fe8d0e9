import { type FailoverOrder, type FailoverOrders, NO_ORDERS } from './failover-order.ts';
import { compareText, type ServiceKey, serviceKey } from './ids.ts';
import { sameValue } from './same-value.ts';

/**
 * Which of several failover policies decides for a service. One that names the service goes before one for its whole
 * namespace, which is no conflict; of those on one level the oldest holds, then the first by name, and the others are told.
 */
export interface FailoverPolicy {
  readonly namespace: string;
  readonly name: string;
  /** Epoch ms; the same for policies of files, which have no age. */
  readonly createdAtMs: number;
  /** DNS labels. Absent: the whole namespace. */
  readonly services?: readonly string[] | undefined;
  readonly order: FailoverOrder;
}

/** `NAMESPACE/NAME` of a policy. */
export type PolicyKey = string;

export interface PolicyVerdict {
  /** Services that it names and decides, by name; `namespace` when it is for the whole namespace and holds there. */
  readonly holds: readonly string[] | 'namespace';
  readonly lost: readonly LostService[];
}

export interface LostService {
  /** Absent: the whole namespace. */
  readonly service?: string;
  /** Name of the policy that holds, of the same namespace. */
  readonly winner: string;
}

export interface ResolvedPolicies {
  readonly orders: FailoverOrders;
  readonly verdicts: ReadonlyMap<PolicyKey, PolicyVerdict>;
}

export const NO_POLICIES: ResolvedPolicies = { orders: NO_ORDERS, verdicts: new Map() };

/** With `previous`, what comes out equal keeps its identity. */
export function resolvePolicies(
  policies: readonly FailoverPolicy[],
  previous: ResolvedPolicies = NO_POLICIES,
): ResolvedPolicies {
  const holders: Holders = { services: new Map(), namespaces: new Map() };
  const sorted = policies.toSorted(comparePolicies);
  const verdicts = new Map(sorted.map((policy) => [policyKey(policy), enter(policy, holders)]));
  const orders = {
    services: ordersOf(holders.services, previous.orders.services),
    namespaces: ordersOf(holders.namespaces, previous.orders.namespaces),
  };
  const isSame = orders.services === previous.orders.services && orders.namespaces === previous.orders.namespaces;
  return { orders: isSame ? previous.orders : orders, verdicts };
}

interface Holders {
  readonly services: Map<ServiceKey, FailoverPolicy>;
  readonly namespaces: Map<string, FailoverPolicy>;
}

/** In the order of precedence: who comes first holds. */
function enter(policy: FailoverPolicy, holders: Holders): PolicyVerdict {
  const { namespace } = policy;
  if (policy.services === undefined) {
    const winner = firstOf(holders.namespaces, namespace, policy);
    return winner === policy ? { holds: 'namespace', lost: [] } : { holds: [], lost: [{ winner: winner.name }] };
  }
  const holds: string[] = [];
  const lost: LostService[] = [];
  for (const service of policy.services) {
    const winner = firstOf(holders.services, serviceKey(namespace, service), policy);
    if (winner === policy) holds.push(service);
    else lost.push({ service, winner: winner.name });
  }
  return { holds, lost };
}

export function policyKey({ namespace, name }: Pick<FailoverPolicy, 'namespace' | 'name'>): PolicyKey {
  return `${namespace}/${name}`;
}

function comparePolicies(left: FailoverPolicy, right: FailoverPolicy): number {
  return left.createdAtMs - right.createdAtMs || compareText(policyKey(left), policyKey(right));
}

function firstOf<Key>(holders: Map<Key, FailoverPolicy>, key: Key, policy: FailoverPolicy): FailoverPolicy {
  const holder = holders.get(key) ?? policy;
  holders.set(key, holder);
  return holder;
}

function ordersOf<Key extends string>(
  holders: ReadonlyMap<Key, FailoverPolicy>,
  previous: ReadonlyMap<Key, FailoverOrder>,
): ReadonlyMap<Key, FailoverOrder> {
  const sorted = [...holders].toSorted(([left], [right]) => compareText(left, right));
  const next = sorted.map(([key, { order }]): [Key, FailoverOrder] => {
    const before = previous.get(key);
    return [key, before !== undefined && sameValue(before, order) ? before : order];
  });
  const isSame = next.length === previous.size && next.every(([key, order]) => previous.get(key) === order);
  return isSame ? previous : new Map(next);
}
