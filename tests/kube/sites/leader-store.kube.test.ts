/** A clusterset without Redis or Valkey: the leader of the authority serves the store from the disk of its pod. */
import './own-network.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES } from '../../../kubernetes/api/resources.ts';
import { until } from '../../redis/until.ts';
import { service, serviceExport } from '../objects.ts';
import { Clusterset } from './clusterset.ts';
import type { App } from './pods.ts';
import { exportWeb, placeOf, WEB } from './shop.ts';
import type { Site } from './site.ts';
import { Caller, Traffic } from './traffic.ts';

let clusterset: Clusterset;
let east: Site;
let west: Site;
let app: App;
before(async () => {
  clusterset = await Clusterset.start([{ name: 'east', replicas: 2 }, { name: 'west' }], { store: 'leader' });
  [east, west] = ['east', 'west'].map((name) => clusterset.site(name)) as [Site, Site]; // two names
  await east.ensureNamespace(WEB.namespace);
  app = await exportWeb(west);
});
after(async () => {
  await app?.[Symbol.asyncDispose]();
  await clusterset?.[Symbol.asyncDispose]();
});

test('a cluster joins through the store that the leader serves, and its export can be called', async () => {
  using caller = new Caller(await placeOf(east));
  await until('west to answer', async () => (await caller.ask()) === '200 west');
});

test('the store moves with the leadership, is filled again, and no call fails meanwhile', async () => {
  await using traffic = new Traffic(await placeOf(east), (answer) => answer === '200 west');
  await until('traffic', () => Promise.resolve(traffic.total > 100));
  const [leader, other] = await east.leaderAndOthers();
  assert.ok(other !== undefined);
  await leader.end('SIGKILL');
  const later = { namespace: WEB.namespace, name: 'later' };
  await west.admin.create(SERVICES, service(later));
  await west.admin.create(SERVICE_EXPORTS, serviceExport(later));
  await until('what west exports now to be imported', async () => {
    return (await east.admin.get(SERVICE_IMPORTS, later)) !== undefined;
  });
  assert.deepEqual((await east.leaderAndOthers())[0], other);
  assert.deepEqual((await traffic.stop()).failed, []);
});
