import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseClusterId, parseNetworkId, type ServiceKey, serviceKey } from '../../federation/model/ids.ts';
import type { RecordEndpoint } from '../../federation/model/records.ts';
import type { MergedService } from '../../federation/model/state.ts';
import type { EndpointSliceObject, ServiceImportObject, ServiceObject } from '../api/objects.ts';
import type { Desired } from '../apply/desired.ts';
import { SLICED_CLUSTERS_MAX } from './import-slices.ts';
import type { ImportsInput } from './input.ts';
import type { ImportsWanted } from './imports-writer.ts';
import { derivedName } from './names.ts';
import { importFindings, planImports } from './plan.ts';
import { PresentIndex } from './present.ts';
import { backend, EAST, GATEWAYS, localService, merged, SHOP, SITE, wanted, WEST } from './testing/imports.fixture.ts';

const DIRECT = { ...SITE, directPods: true };

/** As after the first two steps: the derived Service has its address, the import is there. */
function whole(services: readonly MergedService[], fields: Partial<ImportsWanted> = {}): ImportsInput {
  const index = new PresentIndex();
  const base = wanted(services, fields);
  const imports = new Map<string, ServiceImportObject>();
  const derived = new Map<string, ServiceObject>();
  for (const plan of planImports({ ...base, present: index.byService }).services.values()) {
    for (const { ref, manifest } of plan.desired) {
      if (ref.resource.kind !== 'Service' || manifest === undefined) continue;
      const metadata = { ...manifest.body.metadata, uid: `uid-${ref.name}`, resourceVersion: '5' };
      derived.set(`${ref.namespace}/${ref.name}`, {
        metadata,
        spec: { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], ipFamilies: ['IPv4'] },
      });
    }
  }
  for (const { key } of services) {
    const [namespace = '', name = ''] = key.split('/');
    imports.set(key, { metadata: { namespace, name, uid: `uid-${key}`, labels: OURS } });
  }
  index.update({ imports, services: derived });
  return { ...base, present: index.byService };
}

const OURS = { 'app.kubernetes.io/managed-by': 'isthmus' };

function desiredOf(input: ImportsInput, key: ServiceKey = SHOP): readonly Desired[] {
  return planImports(input).services.get(key)?.desired ?? [];
}

function namesOf(desired: readonly Desired[]): readonly string[] {
  return desired.map(({ ref }) => `${ref.resource.kind} ${ref.name}`);
}

/** What is in the slices of that label, as `ADDRESS:PORT`. */
function endpointsOf(desired: readonly Desired[], label: string, value: string): readonly string[] {
  return desired.flatMap(({ manifest }) => {
    if (manifest?.body.metadata.labels?.[label] !== value) return [];
    const slice = manifest.body as EndpointSliceObject; // only slices have these labels
    return (slice.endpoints ?? []).flatMap(({ addresses }) =>
      (slice.ports ?? []).map(({ port }) => `${addresses[0]}:${port}`),
    );
  });
}

function readyOf(desired: readonly Desired[]): readonly string[] {
  return desired.flatMap(({ status }) => status?.conditions.map(({ status: is, reason }) => `${is} ${reason}`) ?? []);
}

test('the derived Service comes first, and the import waits for its address', () => {
  const input = { ...wanted([merged()]), present: new PresentIndex().byService };
  assert.deepEqual(namesOf(desiredOf(input)), [`Service ${derivedName(SHOP)}`]);
});

test('while its derived Service is away, an import and its slices stay as they are', () => {
  const { present, ...input } = whole([merged()]);
  const index = new PresentIndex();
  index.update({ imports: new Map([[SHOP, present.get(SHOP)?.import]]) });
  const plan = planImports({ ...input, present: index.byService }).services.get(SHOP);
  assert.deepEqual(namesOf(plan?.desired ?? []), [`Service ${derivedName(SHOP)}`]);
  assert.deepEqual(plan?.surplus, []);
});

test('an import through gateways leads to all ready gateway pods at its gateway port', () => {
  const desired = desiredOf(whole([merged()]));
  const expected = ['10.1.0.10:20000', '10.1.0.11:20000'];
  assert.deepEqual(endpointsOf(desired, 'kubernetes.io/service-name', derivedName(SHOP)), expected);
  assert.deepEqual(endpointsOf(desired, 'multicluster.kubernetes.io/source-cluster', 'west'), expected);
  assert.deepEqual(readyOf(desired), ['True Ready']);
});

test('where all is directly routable the derived Service leads to the pods of all clusters', () => {
  const endpoints = [{ address: '10.2.0.1', ports: [8443] }];
  const service = merged({
    backends: [backend({ cluster: EAST }), backend({ network: SITE.network, direct: { ports: [80], endpoints } })],
  });
  const desired = desiredOf(whole([service], { site: DIRECT, local: new Map([[SHOP, localService()]]) }));
  const found = endpointsOf(desired, 'kubernetes.io/service-name', derivedName(SHOP));
  assert.deepEqual([...found].sort(), ['10.1.2.1:8080', '10.2.0.1:8443']);
});

test('one cluster behind a gateway makes the whole service go through gateways', () => {
  const endpoints = [{ address: '10.2.0.1', ports: [8443] }];
  const far = backend({ cluster: parseClusterId('north'), network: parseNetworkId('net-north') });
  const near = backend({ network: SITE.network, direct: { ports: [80], endpoints } });
  const desired = desiredOf(whole([merged({ backends: [far, near] })], { site: DIRECT }));
  const found = endpointsOf(desired, 'kubernetes.io/service-name', derivedName(SHOP));
  assert.deepEqual(found, ['10.1.0.10:20000', '10.1.0.11:20000']);
  assert.deepEqual(endpointsOf(desired, 'multicluster.kubernetes.io/source-cluster', 'west'), ['10.2.0.1:8443']);
});

test('a remote endpoint in our own ranges, at loopback or at a metadata service is left out and told of', () => {
  const endpoints: readonly RecordEndpoint[] = [
    '10.1.9.9',
    '10.96.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '10.2.0.1',
  ].map((address) => ({ address, ports: [8080] }));
  const near = backend({ network: SITE.network, direct: { ports: [80], endpoints } });
  const input = whole([merged({ backends: [near] })], { site: DIRECT });
  assert.deepEqual(endpointsOf(desiredOf(input), 'kubernetes.io/service-name', derivedName(SHOP)), ['10.2.0.1:8080']);
  assert.deepEqual(
    importFindings(planImports(input)).map(({ reason }) => reason),
    ['AddressForbidden'],
  );
});

const READY_CASES: readonly (readonly [string, Partial<MergedService>, Partial<ImportsWanted>])[] = [
  ['False NoClusters', { backends: [] }, {}],
  ['False NotGranted', { backends: [backend({ grantedTo: [parseClusterId('north')] })] }, {}],
  ['True Ready', { backends: [backend({ grantedTo: [EAST] })] }, {}],
  ['False NoGateway', {}, { gateways: [] }],
  ['False NoGatewayPort', {}, { ports: new Map() }],
  ['False IPFamilyNotSupported', {}, { gateways: [{ name: 'gw', addresses: ['fd00::1'] }] }],
  ['False HeadlessNotRoutable', { type: 'Headless' }, {}],
  ['True Ready', { type: 'Headless', backends: [backend({ cluster: EAST })] }, {}],
];

for (const [expected, service, input] of READY_CASES) {
  test(`an import is ${expected} with ${JSON.stringify({ ...service, ...input })}`, () => {
    assert.deepEqual(readyOf(desiredOf(whole([merged(service)], input))), [expected]);
  });
}

test('a UDP port has no gateway port, even when the TCP port of its number has one', () => {
  const ports = (['TCP', 'UDP'] as const).map((protocol) => {
    return { name: protocol.toLowerCase(), protocol, port: 53, appProtocol: 'tcp' } as const;
  });
  const desired = desiredOf(whole([merged({ ports, backends: [backend({ ready: [{ port: 53, ready: 1 }] })] })]));
  const derived = desired[0]?.manifest?.body as ServiceObject; // the first one is the derived Service
  assert.deepEqual(
    derived.spec?.ports?.map(({ targetPort }) => targetPort),
    [20_000, 'unassigned'],
  );
  assert.deepEqual(readyOf(desired), ['False NoGatewayPort']);
});

test('a cluster without ready endpoints has a slice whose endpoints are not ready', () => {
  const desired = desiredOf(whole([merged({ backends: [backend({ ready: [] })] })]));
  const slices = desired.map(({ manifest }) => manifest?.body as EndpointSliceObject);
  const west = slices.filter(({ metadata }) => metadata.labels?.['multicluster.kubernetes.io/source-cluster'] === WEST);
  assert.deepEqual(
    west.flatMap(({ endpoints }) => endpoints?.map(({ conditions }) => conditions?.ready)),
    [false, false],
  );
});

test('a service of very many clusters has no slices by cluster, and says so', () => {
  const backends = Array.from({ length: SLICED_CLUSTERS_MAX + 1 }, (_, index) =>
    backend({ cluster: parseClusterId(`c-${index}`) }),
  );
  const desired = desiredOf(whole([merged({ backends })]));
  assert.equal(desired.filter(({ ref }) => ref.resource.kind === 'EndpointSlice').length, 1);
  assert.equal(desired.find(({ status }) => status !== undefined)?.status?.fields?.['endpointSliceObjects'], 'Absent');
});

test('labels by which other tools claim objects are not taken over from exporters', () => {
  const labels = {
    'argocd.argoproj.io/instance': 'x',
    'app.kubernetes.io/instance': 'x',
    'app.kubernetes.io/name': 'web',
  };
  const found = desiredOf(whole([merged({ labels })])).find(({ ref }) => ref.resource.kind === 'ServiceImport');
  assert.deepEqual(found?.manifest?.body.metadata.labels, { 'app.kubernetes.io/name': 'web', ...OURS });
});

test('nothing is planned for a namespace that is missing or ends', () => {
  assert.deepEqual(desiredOf(whole([merged()], { namespaces: new Map() })), []);
  const ending = whole([merged()], { namespaces: new Map([['shop', 'terminating']]) });
  assert.equal(planImports(ending).services.size, 0);
});

test('what nothing is known of yet is neither changed nor removed', () => {
  const input = { ...whole([merged()]), services: new Map(), complete: false };
  const plan = planImports(input).services.get(SHOP);
  assert.equal(plan, undefined);
  assert.equal(planImports({ ...input, complete: true }).services.get(SHOP)?.surplus.length, 2);
});

test('a ServiceImport of somebody else gets none of our objects, and a finding', () => {
  const input = whole([merged()]);
  const index = new PresentIndex();
  index.update({ imports: new Map([[SHOP, { metadata: { namespace: 'shop', name: 'web', uid: 'u' } }]]) });
  const plan = planImports({ ...input, present: index.byService });
  assert.deepEqual(plan.services.get(SHOP)?.desired, []);
  assert.deepEqual(
    importFindings(plan).map(({ reason }) => reason),
    ['Conflict'],
  );
});

test('one changed service is looked at alone, and an equal one keeps its objects', () => {
  const services = Array.from({ length: 50 }, (_, index) => merged({ key: serviceKey('shop', `s-${index}`) }));
  const input = whole(services);
  const before = planImports(input);
  const [first, ...others] = services;
  assert.ok(first);
  const after = planImports({ ...input, services: wanted([{ ...first, backends: [] }, ...others]).services }, before);
  assert.deepEqual(
    after.touched.filter((key) => before.services.get(key) !== after.services.get(key)),
    [first.key],
  );
  const again = planImports({ ...input, services: new Map(input.services) }, before);
  assert.equal(again.touched.length, 0);
  assert.equal(again.services, before.services);
});

const SMALL = fc.record({
  exported: fc.array(fc.nat({ max: 3 }), { maxLength: 3 }),
  ready: fc.nat({ max: 2 }),
  gateways: fc.nat({ max: 2 }),
  isActive: fc.boolean(),
  complete: fc.boolean(),
  hasPort: fc.boolean(),
});

test('a plan made step by step equals the plan from scratch', () => {
  fc.assert(
    fc.property(fc.array(SMALL, { minLength: 2, maxLength: 6 }), (steps) => {
      let plan: ReturnType<typeof planImports> | undefined;
      for (const step of steps) {
        const services = [...new Set(step.exported)].map((number) =>
          merged({
            key: serviceKey('shop', `s-${number}`),
            backends: [backend({ ready: [{ port: 80, ready: step.ready }] })],
          }),
        );
        const input = whole(services, {
          gateways: GATEWAYS.slice(0, step.gateways),
          complete: step.complete,
          ...(step.isActive ? {} : { namespaces: new Map() }),
          ...(step.hasPort ? {} : { ports: new Map() }),
        });
        plan = planImports(input, plan);
        assert.deepEqual([...plan.services], [...planImports(input).services]);
      }
    }),
    { numRuns: 60 },
  );
});
