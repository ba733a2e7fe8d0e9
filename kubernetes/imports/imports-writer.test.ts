import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SeededRandom } from '../../runtime/random.ts';
import type { ServiceImportObject, ServiceObject } from '../api/objects.ts';
import { SERVICES } from '../api/resources.ts';
import type { KubeTransport } from '../api/transport.ts';
import { KubeApiError } from '../api/transport.ts';
import { Applier } from '../apply/applier.ts';
import { derivedName } from './names.ts';
import { ImportsWriter } from './imports-writer.ts';
import { PresentIndex } from './present.ts';
import { merged, SHOP, wanted } from './testing/imports.fixture.ts';
import { SmallServer } from './testing/small-server.fixture.ts';

function rigWith(transport: (server: SmallServer) => KubeTransport) {
  const server = new SmallServer(new SeededRandom(1));
  const present = new PresentIndex();
  const applier = new Applier({
    transport: transport(server),
    present: (ref) => present.find(ref),
    mayWrite: () => true,
    clock: new ManualClock(),
    random: new SeededRandom(2),
    log: silentLogger,
    metrics: new Metrics(),
  });
  return { server, applier, writer: new ImportsWriter({ applier, present }) };
}

const GONE = wanted([], { namespaces: new Map([['shop', 'active']]) });

test('the trouble of a derived Service is told on its import, and ends with the export', async () => {
  let isRefusing = true;
  const { writer, applier } = rigWith((server) => ({
    call: async (request) => {
      const isService = request.path.includes('/api/v1/');
      if (isRefusing && isService) throw new KubeApiError('quota', { status: 403, reason: 'Forbidden' });
      return server.call(request);
    },
    lines: () => server.lines(),
  }));
  const messages = (): readonly string[] =>
    (writer.plan?.services.get(SHOP)?.desired ?? []).flatMap(({ status }) =>
      (status?.conditions ?? []).map(({ reason, message }) => `${reason}: ${message}`),
    );
  writer.update(wanted([merged()]));
  await applier.settled();
  assert.deepEqual(messages(), ['Pending: the derived Service cannot be written: quota']);
  writer.update(GONE);
  await applier.settled();
  assert.equal(applier.problems.size, 0);
  isRefusing = false;
  writer.update(wanted([merged()]));
  assert.deepEqual(messages(), []);
});

test('a derived Service stays while an import that became headless names it as its owner, and goes then', () => {
  const { writer } = rigWith((server) => server);
  const name = derivedName(SHOP);
  const ours = { 'app.kubernetes.io/managed-by': 'isthmus', 'isthmus.dev/service-import': 'web' };
  const service: ServiceObject = {
    metadata: { namespace: 'shop', name, uid: 'uid-service', labels: ours },
    spec: { clusterIPs: ['10.96.0.9'], ipFamilies: ['IPv4'] },
  };
  const owned: ServiceImportObject = {
    metadata: {
      namespace: 'shop',
      name: 'web',
      uid: 'uid-import',
      labels: ours,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name, uid: 'uid-service' }],
    },
  };
  const surplus = (): readonly string[] =>
    (writer.plan?.services.get(SHOP)?.surplus ?? []).map(({ ref }) => ref.resource.kind);
  writer.observe({ services: new Map([[`shop/${name}`, service]]), imports: new Map([[SHOP, owned]]) });
  writer.update(wanted([merged({ type: 'Headless' })]));
  assert.deepEqual(surplus(), []);
  const { ownerReferences: _, ...released } = owned.metadata;
  writer.observe({ imports: new Map([[SHOP, { ...owned, metadata: released }]]) });
  assert.deepEqual(surplus(), [SERVICES.kind]);
});
