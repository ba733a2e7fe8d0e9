/** Grants, failover policies, pins and peers of two clusters: what they do to calls, and what their statuses say. */
import './own-network.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CLUSTER_SETS,
  EXPORT_GRANTS,
  FAILOVER_POLICIES,
  PEERS,
  SERVICE_EXPORTS,
} from '../../../kubernetes/api/resources.ts';
import { until } from '../../redis/until.ts';
import { Clusterset } from './clusterset.ts';
import { type DecidedObject, grantTo, prefer, takeIn, untilTold } from './decisions.ts';
import type { App } from './pods.ts';
import { exportWeb, placeOf, WEB } from './shop.ts';
import type { Site } from './site.ts';
import { Caller, Traffic } from './traffic.ts';

let clusterset: Clusterset;
let east: Site;
let west: Site;
const apps: App[] = [];
before(async () => {
  clusterset = await Clusterset.start([{ name: 'east' }, { name: 'west' }]);
  [east, west] = ['east', 'west'].map((name) => clusterset.site(name)) as [Site, Site]; // two names
  apps.push(await exportWeb(east), await exportWeb(west));
});
after(async () => {
  await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()));
  await clusterset?.[Symbol.asyncDispose]();
});

const IN_SHOP = { namespace: WEB.namespace };

async function answers(site: Site, expected: string): Promise<void> {
  using caller = new Caller(await placeOf(site));
  await until(`${site.name} to hear ${expected}`, async () => (await caller.ask()) === expected);
}

test('each cluster has a Peer for the other, and none for itself', async () => {
  for (const [site, other] of [
    [east, 'west'],
    [west, 'east'],
  ] as const) {
    const reason = 'HeadFreshAndGatewaysReached';
    await untilTold(site, PEERS, { name: other }, `Accepted=True/Accepted Ready=True/${reason}`);
    const { items } = await site.admin.list<DecidedObject>(PEERS);
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      [other],
    );
    await until('its export to be counted', async () => {
      const peer = await site.admin.get<DecidedObject>(PEERS, { name: other });
      return peer?.status?.['services'] === 1 && peer.status['gatewayCount'] === 1;
    });
    const peer = await site.admin.get<DecidedObject>(PEERS, { name: other });
    assert.equal(peer?.status?.['verdict'], 'Live');
    assert.deepEqual(peer.status?.['gateways'], [`${clusterset.site(other).ip('gateway', 1)}:15443`]);
  }
});

test('running traffic follows a policy that changes, without one failed call', async () => {
  const place = await placeOf(east);
  await answers(east, '200 east');
  await until('west to be an alternative', async () => {
    return ((await east.admin.get<DecidedObject>(PEERS, { name: 'west' }))?.status?.['services'] ?? 0) === 1;
  });
  await using traffic = new Traffic(place, (answer) => answer === '200 east' || answer === '200 west');
  for (const [order, expected] of [
    [['west', 'east'], '200 west'],
    [['east', 'west'], '200 east'],
    [['west', 'east'], '200 west'],
  ] as const) {
    await prefer(
      east,
      'order',
      order.map((cluster) => ({ cluster })),
    );
    const earlier = traffic.count(expected);
    await until(`traffic to move: ${expected}`, () => Promise.resolve(traffic.count(expected) > earlier + 100));
  }
  assert.deepEqual((await traffic.stop()).failed, []);
  const expected =
    'Accepted=True/Accepted Conflict=False/NoConflicts Programmed=True/Programmed ResolvedRefs=True/ResolvedRefs';
  await untilTold(east, FAILOVER_POLICIES, { ...IN_SHOP, name: 'order' }, expected);
});

test('a younger policy for the same service is told that it decides nothing, and takes over when the older one goes', async () => {
  await prefer(east, 'younger', [{ cluster: 'east' }, { network: 'nowhere' }]);
  const refs = 'ResolvedRefs=False/UnknownNetwork';
  const lost = `Accepted=False/Conflicted Conflict=True/Conflicted Programmed=False/NotAccepted ${refs}`;
  await untilTold(east, FAILOVER_POLICIES, { ...IN_SHOP, name: 'younger' }, lost);
  await answers(east, '200 west');
  await east.admin.delete(FAILOVER_POLICIES, { ...IN_SHOP, name: 'order' });
  const holds = `Accepted=True/Accepted Conflict=False/NoConflicts Programmed=True/Programmed ${refs}`;
  await untilTold(east, FAILOVER_POLICIES, { ...IN_SHOP, name: 'younger' }, holds);
  await answers(east, '200 east');
  await east.admin.delete(FAILOVER_POLICIES, { ...IN_SHOP, name: 'younger' });
});

test('a controller that starts while its API server is dark keeps the order that it knew', async () => {
  await prefer(east, 'order', [{ cluster: 'west' }, { cluster: 'east' }]);
  await answers(east, '200 west');
  const controller = east.pods.get('a');
  // In order, so that what it keeps on its disk is the newest.
  await controller?.restart('SIGTERM');
  await controller?.untilReady();
  await using traffic = new Traffic(await placeOf(east), (answer) => answer === '200 west');
  east.server.pause();
  try {
    await controller?.restart('SIGKILL');
    await controller?.untilReady();
    const earlier = traffic.total;
    await until('some calls', () => Promise.resolve(traffic.total > earlier + 200));
  } finally {
    east.server.resume();
  }
  assert.deepEqual((await traffic.stop()).failed, []);
  await east.admin.delete(FAILOVER_POLICIES, { ...IN_SHOP, name: 'order' });
});

test('an export is closed to whom no grant names, and opened again by a grant', async () => {
  await east.admin.delete(SERVICE_EXPORTS, WEB);
  await answers(east, '200 west');
  await grantTo(west, 'grant', [{ cluster: 'north' }]);
  const unknown = 'Accepted=True/Accepted Programmed=True/Programmed ResolvedRefs=False/UnknownCluster';
  await untilTold(west, EXPORT_GRANTS, { ...IN_SHOP, name: 'grant' }, unknown);
  using caller = new Caller(await placeOf(east));
  await until('the calls of east to be refused', async () => !(await caller.ask()).startsWith('200'));
  await grantTo(west, 'grant', [{ cluster: 'east' }]);
  const good = 'Accepted=True/Accepted Programmed=True/Programmed ResolvedRefs=True/ResolvedRefs';
  await untilTold(west, EXPORT_GRANTS, { ...IN_SHOP, name: 'grant' }, good);
  await answers(east, '200 west');
});

test('a grant with what is not supported yet closes, and says why', async () => {
  await grantTo(west, 'grant', [{ cluster: 'east', namespaces: ['shop'] }]);
  const refused = 'Accepted=False/NotSupported Programmed=False/NotAccepted ResolvedRefs=True/ResolvedRefs';
  await untilTold(west, EXPORT_GRANTS, { ...IN_SHOP, name: 'grant' }, refused);
  using caller = new Caller(await placeOf(east));
  await until('the calls of east to be refused', async () => !(await caller.ask()).startsWith('200'));
  await west.admin.delete(EXPORT_GRANTS, { ...IN_SHOP, name: 'grant' });
  await answers(east, '200 west');
});

test('a ClusterSet tells of the clusterset, and what it pins or leaves out is not imported', async () => {
  await takeIn(east, { importPins: [{ namespace: WEB.namespace, clusters: ['north'] }] });
  const pinned = 'Accepted=True/Accepted Programmed=True/Programmed Ready=True/Ready ResolvedRefs=False/UnknownCluster';
  await untilTold(east, CLUSTER_SETS, { name: 'default' }, pinned);
  const imported = async (): Promise<unknown> => {
    const object = await east.admin.get<DecidedObject>(CLUSTER_SETS, { name: 'default' });
    return (object?.status?.['services'] as { imported?: number } | undefined)?.imported;
  };
  await until('nothing to be imported', async () => (await imported()) === 0);
  await takeIn(east, { imports: [WEB.namespace] });
  await until('the service to be imported', async () => (await imported()) === 1);
  await takeIn(east, { imports: ['bank'] });
  await until('nothing of it to be imported', async () => (await imported()) === 0);
  await takeIn(east, {});
  await answers(east, '200 west');
  const object = await east.admin.get<DecidedObject>(CLUSTER_SETS, { name: 'default' });
  const { clusterset: domain, cluster, members } = object?.status ?? {};
  assert.deepEqual([domain, cluster], ['prod.example.org', 'east']);
  assert.deepEqual(members, { active: 2, quarantined: 0, removed: 0, live: 1 });
});
