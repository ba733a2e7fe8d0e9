/** Namespaces and exports that come and go, a cluster that leaves, and the rights that all of it takes. */
import './own-network.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import {
  CONFIG_MAPS,
  ENDPOINT_SLICES,
  NAMESPACES,
  PEERS,
  SECRETS,
  SERVICE_EXPORTS,
  SERVICE_IMPORTS,
  SERVICES,
} from '../../../kubernetes/api/resources.ts';
import { DEFAULT_NAMESPACE, MANAGED_BY, MANAGED_BY_LABEL, OWN_NAMES } from '../../../kubernetes/names.ts';
import { until } from '../../redis/until.ts';
import { serviceExport } from '../objects.ts';
import { Clusterset, isthmus } from './clusterset.ts';
import { decideAll } from './decisions.ts';
import type { App } from './pods.ts';
import { exportWeb, imported, placeOf, WEB } from './shop.ts';
import { refusals, unusedRights } from './rights.ts';
import type { Site } from './site.ts';
import { Caller, Traffic } from './traffic.ts';

let clusterset: Clusterset;
let east: Site;
let west: Site;
const apps: App[] = [];
before(async () => {
  const server = { audit: true, controllers: true };
  clusterset = await Clusterset.start([
    { name: 'east', server },
    { name: 'west', server },
  ]);
  [east, west] = ['east', 'west'].map((name) => clusterset.site(name)) as [Site, Site]; // two names
  apps.push(await exportWeb(west));
});
after(async () => {
  await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()));
  await clusterset?.[Symbol.asyncDispose]();
});

/** The count of an Event that happens again is written once in some minutes. */
const NOT_IN_A_SHORT_RUN = ['patch events.events.k8s.io'];

async function isImported(site: Site): Promise<boolean> {
  const { serviceImport, service, slices } = await imported(site);
  return serviceImport !== undefined && service !== undefined && slices.length > 0;
}

async function isClear(site: Site): Promise<boolean> {
  const { serviceImport, service, slices } = await imported(site);
  return serviceImport === undefined && service === undefined && slices.length === 0;
}

test('an import comes when its namespace does, goes with it, and comes back with it', async () => {
  await until('west to be known', async () => {
    return (await isthmus('get', 'services', '-n', WEB.namespace, '--state-dir', east.stateDir('a'))).includes(
      WEB.name,
    );
  });
  assert.ok(await isClear(east));
  await east.ensureNamespace(WEB.namespace);
  await until('the import', () => isImported(east));
  await east.admin.delete(NAMESPACES, { name: WEB.namespace });
  await until('the namespace to be gone', async () => {
    return (await east.admin.get(NAMESPACES, { name: WEB.namespace })) === undefined;
  });
  await east.ensureNamespace(WEB.namespace);
  await until('the import again', () => isImported(east));
});

test('an export that is deleted under load and made again fails no other caller, and works as before', async () => {
  apps.push(await exportWeb(east));
  const place = await placeOf(east);
  using caller = new Caller(place);
  await until('an answer of east', async () => (await caller.ask()) === '200 east');
  await using traffic = new Traffic(place, (answer) => answer === '200 east' || answer === '200 west');
  await until('traffic', () => Promise.resolve(traffic.total > 100));
  await west.admin.delete(SERVICE_EXPORTS, WEB);
  const clusters = async (): Promise<string | undefined> => {
    return (await imported(east)).serviceImport?.status?.clusters?.map(({ cluster }) => cluster).join();
  };
  await until('west to be off the import', async () => (await clusters()) === 'east');
  await west.admin.create(SERVICE_EXPORTS, serviceExport(WEB));
  await until('west to be back', async () => (await clusters()) === 'east,west');
  await east.admin.delete(SERVICE_EXPORTS, WEB);
  await until('west to answer', async () => (await caller.ask()) === '200 west');
  assert.deepEqual((await traffic.stop()).failed, []);
});

test('anchors that somebody else changed are put right by the next controller, and gateways never noticed', async () => {
  const where = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.trust };
  const pem = async (): Promise<string | undefined> => {
    return (await east.admin.get<KubeObject & { data?: Record<string, string> }>(CONFIG_MAPS, where))?.data?.['ca.pem'];
  };
  const earlier = await pem();
  assert.ok(earlier?.startsWith('-----BEGIN CERTIFICATE-----'));
  await east.admin.patch(CONFIG_MAPS, where, { type: 'merge', body: { data: { 'ca.pem': 'none' } } });
  await east.pods.get('a')?.restart('SIGTERM');
  await until('the anchors to be back', async () => (await pem()) === earlier);
  await east.pods.get('a')?.untilReady();
});

test('what users of a cluster decide is told of', async () => {
  await decideAll(west);
});

test('a cluster that leaves is let go by the others within seconds, and keeps nothing but the installation', async () => {
  await west.ensureNamespace(WEB.namespace);
  await isthmus('leave', '--kubernetes', '--kubeconfig', west.server.kubeconfig, '--timeout', '60s');
  await until('east to let it go', () => isClear(east), 5_000);
  const labels = `${MANAGED_BY_LABEL}=${MANAGED_BY}`;
  for (const resource of [SERVICES, ENDPOINT_SLICES, SERVICE_IMPORTS, PEERS]) {
    const { items } = await west.admin.list(resource, { labels });
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      [],
      resource.plural,
    );
  }
  for (const resource of [SECRETS, CONFIG_MAPS]) {
    const { items } = await west.admin.list<KubeObject>(resource, { namespace: DEFAULT_NAMESPACE });
    const names = items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('isthmus-'));
    assert.deepEqual(names, resource === SECRETS ? [] : ['isthmus-controller-config']);
  }
  const exported = await west.admin.get<KubeObject & { status?: { conditions?: unknown } }>(SERVICE_EXPORTS, WEB);
  assert.deepEqual(exported?.status?.conditions ?? [], []);
});

test('the controllers used all their rights, and asked for nothing else', async () => {
  for (const site of [east, west]) assert.deepEqual(await refusals(site), [], site.name);
  assert.deepEqual(await unusedRights([east, west], NOT_IN_A_SHORT_RUN), []);
});
