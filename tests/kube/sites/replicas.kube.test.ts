/** What a cluster loses and gets back: controllers, their disks, its API server; and callers who must not notice. */
import './own-network.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import { CONFIG_MAPS, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES } from '../../../kubernetes/api/resources.ts';
import { DEFAULT_NAMESPACE, OWN_NAMES } from '../../../kubernetes/names.ts';
import { until } from '../../redis/until.ts';
import { service, serviceExport } from '../objects.ts';
import { Clusterset } from './clusterset.ts';
import type { App, Pod } from './pods.ts';
import { exportWeb, imported, placeOf, WEB } from './shop.ts';
import type { Site } from './site.ts';
import { Caller, type Place, Traffic } from './traffic.ts';

/** Of a lease that nobody renews, with the pauses of a busy machine. */
const TAKEOVER_MS = 10_000;

let clusterset: Clusterset;
let east: Site;
let west: Site;
let app: App;
let place: Place;
before(async () => {
  clusterset = await Clusterset.start([{ name: 'west' }, { name: 'east', replicas: 2 }]);
  east = clusterset.site('east');
  west = clusterset.site('west');
  await east.ensureNamespace(WEB.namespace);
  app = await exportWeb(west);
  place = await placeOf(east);
  using caller = new Caller(place);
  await until('a first answer', async () => (await caller.ask()) === '200 west');
});
after(async () => {
  await app?.[Symbol.asyncDispose]();
  await clusterset?.[Symbol.asyncDispose]();
});

const isGood = (answer: string): boolean => answer === '200 west';

/** Under traffic before, while and a second after it happened. */
async function whileCalling(event: () => Promise<void>): Promise<void> {
  await using traffic = new Traffic(place, isGood);
  await until('traffic', () => Promise.resolve(traffic.total > 100));
  await event();
  const { total } = traffic;
  await until('traffic afterwards', () => Promise.resolve(traffic.total > total + 100));
  const { failed } = await traffic.stop();
  assert.deepEqual(failed, []);
}

async function leaderOf(site: Site): Promise<Pod> {
  return (await site.leaderAndOthers())[0];
}

async function dataOf(site: Site, name: string): Promise<unknown> {
  return (await site.admin.get<KubeObject & { data?: unknown }>(CONFIG_MAPS, { namespace: DEFAULT_NAMESPACE, name }))
    ?.data;
}

/** What west exports anew is imported, and what it takes back is gone: the one who leads in east does its work. */
async function follows(site: Site): Promise<void> {
  const other = { namespace: WEB.namespace, name: 'other' };
  const isThere = async (): Promise<boolean> => (await site.admin.get(SERVICE_IMPORTS, other)) !== undefined;
  await west.admin.apply(SERVICES, service(other));
  await west.admin.apply(SERVICE_EXPORTS, serviceExport(other));
  await until('the import to come', isThere);
  await west.admin.delete(SERVICE_EXPORTS, other);
  await until('the import to go', async () => !(await isThere()));
}

test('when the controller that leads is killed another one takes over in time, and no call fails', async () => {
  const leader = await leaderOf(east);
  await whileCalling(async () => {
    await leader.end('SIGKILL');
    const killedMs = performance.now();
    await until('the other one to lead', async () => (await leaderOf(east)) !== leader);
    assert.ok(performance.now() - killedMs < TAKEOVER_MS, `${performance.now() - killedMs} ms`);
  });
  await leader.restart();
  await leader.untilReady();
});

test('a controller that lost its pod and its disk goes on as the same cluster in another one', async () => {
  const kept = async (): Promise<readonly unknown[]> => [
    await dataOf(east, OWN_NAMES.trust),
    await placeOf(east),
    (await imported(east)).serviceImport?.metadata.uid,
    (await imported(east)).service?.spec?.clusterIP,
  ];
  const earlier = await kept();
  await whileCalling(async () => {
    for (const name of ['a', 'b']) await east.pods.get(name)?.end('SIGKILL');
    const moved = await east.controller('c');
    await moved.untilReady();
    await until('it to lead', async () => (await leaderOf(east)) === moved);
    await follows(east);
    const [gateway] = [...east.pods.values()].filter(({ name }) => name.startsWith('gw-'));
    await until('the gateway to be served by it', async () => {
      return /configuration: from controller/.test((await gateway?.probe('/readyz'))?.text ?? '');
    });
  });
  assert.deepEqual(await kept(), earlier);
});

test('while the API server is silent, and then away, a controller that starts again serves what it had', async () => {
  const earlier = await imported(east);
  const controller = await leaderOf(east);
  await whileCalling(async () => {
    east.server.pause();
    await controller.restart();
    await controller.untilLogged(/controller serves/);
    await east.server.kill();
    await controller.restart();
    await controller.untilLogged(/controller serves/);
    await east.server.restart();
    await until('it to lead', async () => (await leaderOf(east)) === controller);
    await controller.untilReady();
    await follows(east);
  });
  const later = await imported(east);
  assert.equal(later.serviceImport?.metadata.uid, earlier.serviceImport?.metadata.uid);
  assert.equal(later.service?.metadata.uid, earlier.service?.metadata.uid);
  assert.deepEqual(
    later.slices.map(({ endpoints, ports }) => ({ endpoints, ports })),
    earlier.slices.map(({ endpoints, ports }) => ({ endpoints, ports })),
  );
});
