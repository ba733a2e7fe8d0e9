/** Objects of our own kinds as users write them, and what the controllers say of them. */
import type { Condition, KubeObject } from '../../../kubernetes/api/objects.ts';
import { CLUSTER_SETS, EXPORT_GRANTS, FAILOVER_POLICIES, type Resource } from '../../../kubernetes/api/resources.ts';
import { until } from '../../redis/until.ts';
import type { Where } from '../client.ts';
import { WEB } from './shop.ts';
import type { Site } from './site.ts';

export interface DecidedObject extends KubeObject {
  readonly spec?: unknown;
  readonly status?: { readonly conditions?: readonly Condition[] } & Readonly<Record<string, unknown>>;
}

const IN_SHOP = { namespace: WEB.namespace };

export function grantTo(site: Site, name: string, to: readonly object[]): Promise<DecidedObject> {
  const object = { metadata: { ...IN_SHOP, name }, spec: { services: [WEB.name], to } };
  return site.admin.apply<DecidedObject>(EXPORT_GRANTS, object);
}

export function prefer(site: Site, name: string, order: readonly object[]): Promise<DecidedObject> {
  const object = { metadata: { ...IN_SHOP, name }, spec: { services: [WEB.name], order } };
  return site.admin.apply<DecidedObject>(FAILOVER_POLICIES, object);
}

export function takeIn(site: Site, spec: object): Promise<DecidedObject> {
  return site.admin.apply<DecidedObject>(CLUSTER_SETS, { metadata: { name: 'default' }, spec });
}

/** `TYPE=STATUS/REASON` in the order of their types, each of the newest spec. */
export async function told(site: Site, resource: Resource, where: Where): Promise<string> {
  const object = await site.admin.get<DecidedObject>(resource, where);
  const { generation } = object?.metadata ?? {};
  const conditions = (object?.status?.conditions ?? []).filter((one) => one.observedGeneration === generation);
  return conditions
    .map(({ type, status, reason }) => `${type}=${status}/${reason}`)
    .toSorted()
    .join(' ');
}

export async function untilTold(site: Site, resource: Resource, where: Where, expected: string): Promise<void> {
  let last = '';
  const look = async (): Promise<boolean> => {
    last = await told(site, resource, where);
    return last === expected;
  };
  await until(`${where.name} to say ${expected}`, look).catch((error: unknown) => {
    throw new Error(`it says ${last}`, { cause: error });
  });
}

/** One of each kind in force, whatever it says. */
export async function decideAll(site: Site): Promise<void> {
  await grantTo(site, 'everybody', [{ cluster: 'east' }, { cluster: 'west' }]);
  await prefer(site, 'own-first', [{ cluster: site.name }]);
  await takeIn(site, {});
  for (const [resource, name] of [
    [EXPORT_GRANTS, 'everybody'],
    [FAILOVER_POLICIES, 'own-first'],
    [CLUSTER_SETS, 'default'],
  ] as const) {
    const where = resource.scope === 'Namespaced' ? { ...IN_SHOP, name } : { name };
    await until(`${name} to be told of`, async () => (await told(site, resource, where)).includes('Accepted=True'));
  }
}
