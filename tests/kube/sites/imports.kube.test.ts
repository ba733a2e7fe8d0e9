/** What users of three clusters see: exports and imports, names, failover, conflicts. */
import './own-network.ts';
import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { after, before, test } from 'node:test';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import { EVENTS, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES } from '../../../kubernetes/api/resources.ts';
import { until } from '../../redis/until.ts';
import { serviceExport, service as serviceNamed } from '../objects.ts';
import { Clusterset } from './clusterset.ts';
import type { App } from './pods.ts';
import {
  exportConditions,
  exportWeb,
  gatewayMetric,
  imported,
  placeOf,
  setReady,
  WEB,
  WEB_NAME,
  webService,
} from './shop.ts';
import type { Site } from './site.ts';
import { Caller, Traffic } from './traffic.ts';

let clusterset: Clusterset;
let east: Site;
let west: Site;
let north: Site;
const apps: App[] = [];
before(async () => {
  clusterset = await Clusterset.start([{ name: 'east' }, { name: 'west' }, { name: 'north' }]);
  [east, west, north] = ['east', 'west', 'north'].map((name) => clusterset.site(name)) as [Site, Site, Site]; // three names
  await Promise.all([east, north].map((site) => site.ensureNamespace(WEB.namespace)));
  apps.push(await exportWeb(west));
});
after(async () => {
  await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()));
  await clusterset[Symbol.asyncDispose]();
});

test('what west exports can be called in east: by an import, a clusterset IP, slices, a name, and mutual TLS', async () => {
  const place = await placeOf(east);
  assert.equal(place.host, east.ip('gateway', 1));
  using caller = new Caller(place);
  await until('a call to reach the pod of west', async () => (await caller.ask()) === '200 west');
  assert.ok((await gatewayMetric(west, 'envoy_listener_ssl_handshake')) > 0);
  const { serviceImport, service } = await imported(east);
  assert.equal(serviceImport?.spec?.type, 'ClusterSetIP');
  const ip = service?.spec?.clusterIP;
  assert.ok(ip !== undefined);
  await until('the import to show the clusterset IP', async () => {
    return (await imported(east)).serviceImport?.spec?.ips?.join() === ip;
  });
  const resolver = new Resolver();
  const [controller] = east.pods.values();
  assert.ok(controller !== undefined);
  resolver.setServers([east.dnsServer(controller)]);
  assert.deepEqual(await resolver.resolve4(WEB_NAME), [ip]);
});

test('who exports reads in the conditions that it is exported', async () => {
  await until('the conditions', async () => {
    return (await exportConditions(west)).join() === 'Conflict=False/NoConflicts,Ready=True/Exported,Valid=True/Valid';
  });
});

test('when the last endpoint of west goes, calls are answered by north, and none fails', async () => {
  apps.push(await exportWeb(north));
  const place = await placeOf(east);
  await until('north to be there as well', async () => {
    const { serviceImport } = await imported(east);
    return serviceImport?.status?.clusters?.map(({ cluster }) => cluster).join() === 'north,west';
  });
  await using traffic = new Traffic(place, (answer) => answer === '200 west' || answer === '200 north');
  await until('traffic', () => Promise.resolve(traffic.total > 100));
  await setReady(west, []);
  const earlier = traffic.count('200 north');
  await until('north to answer everything', async () => {
    const count = traffic.count('200 west');
    const total = traffic.total;
    await until('a hundred more', () => Promise.resolve(traffic.total >= total + 100));
    return traffic.count('200 west') === count && traffic.count('200 north') > earlier;
  });
  const { failed } = await traffic.stop();
  assert.deepEqual(failed, []);
  await setReady(west, [west.ip('app', 1)]);
});

test('exports that contradict each other are in conflict, and both sides are told', async () => {
  await north.admin.apply(SERVICES, webService(81));
  for (const site of [west, north]) {
    await until(`${site.name} to be told`, async () => {
      return (await exportConditions(site)).includes('Conflict=True/PortConflict');
    });
  }
  await north.admin.apply(SERVICES, webService());
  for (const site of [west, north]) {
    await until(`${site.name} to be told that it is over`, async () => {
      return (await exportConditions(site)).includes('Conflict=False/NoConflicts');
    });
  }
});

test('a ServiceImport that somebody else made stays as it is, and an Event on it says so', async () => {
  const legacy = { namespace: WEB.namespace, name: 'legacy' } as const;
  const theirs = { metadata: legacy, spec: { type: 'Headless', ports: [] } } as const;
  await east.admin.create(SERVICE_IMPORTS, theirs);
  await west.admin.apply(SERVICES, serviceNamed(legacy));
  await west.admin.apply(SERVICE_EXPORTS, serviceExport(legacy));
  await until('an Event', async () => {
    const { items } = await east.admin.list<ImportEvent>(EVENTS, { namespace: legacy.namespace });
    return items.some(({ reason, regarding }) => reason === 'Conflict' && regarding?.name === legacy.name);
  });
  const found = await east.admin.get<KubeObject & { readonly spec?: unknown }>(SERVICE_IMPORTS, legacy);
  assert.deepEqual(found?.spec, theirs.spec);
  assert.equal(found?.metadata.labels, undefined);
});

/** What the test reads of an Event. */
interface ImportEvent extends KubeObject {
  readonly reason?: string;
  readonly regarding?: { readonly name?: string };
}
