/** Many imports at once, and one import with 1,000 pods: that one change is one write. `bench/kube-imports.ts` has the times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceKey } from '../../../federation/model/ids.ts';
import { NAMESPACES } from '../../../kubernetes/api/resources.ts';
import { backend, EAST, localService, merged, wanted } from '../../../kubernetes/imports/testing/imports.fixture.ts';
import { until } from '../../redis/until.ts';
import { installCrds } from '../crds.ts';
import { namespace } from '../objects.ts';
import { startKubeServer } from '../server.ts';
import { ImportRig } from './rig.fixture.ts';

const SERVICES = 200;
/** Derived Service, ServiceImport, and a slice of each kind. */
const OBJECTS_EACH = 4;
const LIMIT_MS = 120_000;

test('many imports are made, one that changes costs one write, and nothing is left when all go', async (t) => {
  await using server = await startKubeServer({ name: 'many' });
  await installCrds(server, { only: 'mcs' });
  await server.admin.create(NAMESPACES, namespace('shop'));
  await using rig = await ImportRig.start(server);
  const namespaces = new Map([['shop', 'active' as const]]);
  const services = Array.from({ length: SERVICES }, (_, index) => merged({ key: serviceKey('shop', `s-${index}`) }));
  const startMs = performance.now();
  const all = wanted(services);
  rig.writer.update(all);
  // Asked of the index, not of the server, which has enough to do.
  await until('all objects', () => Promise.resolve(rig.known() === SERVICES * OBJECTS_EACH), LIMIT_MS);
  await rig.applier.settled();
  t.diagnostic(`${SERVICES} imports in ${Math.round(performance.now() - startMs)} ms, ${rig.writes.length} writes`);

  const [first] = services;
  assert.ok(first);
  rig.writes.length = 0;
  rig.writer.update({
    ...all,
    services: wanted([{ ...first, labels: { tier: 'front' } }, ...services.slice(1)]).services,
  });
  await until('the label', async () => (await rig.import(first.key))?.metadata.labels?.['tier'] === 'front');
  await rig.applier.settled();
  assert.deepEqual(rig.writes, ['PATCH /apis/multicluster.x-k8s.io/v1beta1/namespaces/shop/serviceimports/s-0']);

  const endMs = performance.now();
  rig.writer.update(wanted([], { namespaces }));
  await until('nothing to be left', () => Promise.resolve(rig.known() === 0), LIMIT_MS);
  assert.deepEqual(await rig.ours(), []);
  t.diagnostic(`gone in ${Math.round(performance.now() - endMs)} ms`);
});

test('a pod that comes to a service of 1,000 pods costs one write', async (t) => {
  await using server = await startKubeServer({ name: 'large' });
  await installCrds(server, { only: 'mcs' });
  await server.admin.create(NAMESPACES, namespace('shop'));
  await using rig = await ImportRig.start(server);
  const endpoints = Array.from({ length: 1_000 }, (_, index) => ({
    address: `10.1.${4 + (index >> 8)}.${index & 255}`,
    ports: { 80: 8080 },
    ready: true,
  }));
  const own = merged({ backends: [backend({ cluster: EAST })] });
  const locals = [localService({ endpoints: endpoints.slice(1) })];
  rig.writer.update(wanted([own], { locals }));
  await rig.untilReady(own.key);
  await until('its slices', async () => (await rig.import(own.key))?.status?.endpointSliceObjects === 'Present');
  await rig.applier.settled();
  t.diagnostic(`${(await rig.ours()).length - 3} slices for 999 pods`);
  rig.writes.length = 0;
  rig.writer.update({ ...wanted([own], { locals: [localService({ endpoints })] }) });
  await rig.applier.settled();
  assert.equal(rig.writes.length, 1);
});
