import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseClusterId, serviceKey } from './ids.ts';
import { mergeState } from './merge.ts';
import type { ServicePort, ServiceRecord } from './records.ts';
import type { ClusterView, MergedService } from './state.ts';
import { examplePeer, exampleService, exampleView, HTTP_PORT } from './testing/records.fixture.ts';

const east = parseClusterId('east');
const ADMIN: ServicePort = { name: 'admin', protocol: 'TCP', port: 81, appProtocol: 'tcp' };

function mergedShop(views: readonly ClusterView[]): MergedService {
  const peers = new Map(views.map((view) => [view.cluster, examplePeer(view)]));
  const service = mergeState({ self: east, own: undefined, peers }).services.get(serviceKey('default', 'shop'));
  assert.ok(service);
  return service;
}

/** Exports of one service by several clusters, the first the oldest. */
function merged(...exports: readonly Partial<ServiceRecord>[]): MergedService {
  const names = ['alpha', 'beta', 'gamma', 'delta'];
  const views = exports.map((fields, index) =>
    exampleView(names[index] ?? 'x', [exampleService({ exportedAtMs: 1_000 + index, ...fields })]),
  );
  return mergedShop(views);
}

describe('mergeState: conflicts', () => {
  const differing: readonly [string, Partial<ServiceRecord>, Partial<ServiceRecord>][] = [
    ['type', { type: 'ClusterSetIP' }, { type: 'Headless' }],
    ['sessionAffinity', { sessionAffinity: 'None' }, { sessionAffinity: 'ClientIP' }],
    ['sessionAffinityConfig', { sessionAffinityTimeoutS: 10 }, { sessionAffinityTimeoutS: 20 }],
    ['internalTrafficPolicy', { internalTrafficPolicy: 'Local' }, { internalTrafficPolicy: 'Cluster' }],
    ['trafficDistribution', { trafficDistribution: 'PreferClose' }, {}],
    ['labels', { labels: { a: '1' } }, { labels: { a: '2' } }],
    ['annotations', { annotations: { a: '1' } }, {}],
  ];
  for (const [field, older, younger] of differing) {
    it(`decides ${field} for the oldest export and names the loser, who goes on supplying`, () => {
      const service = merged(older, younger);
      assert.deepEqual(
        service.conflicts.map(({ field: name, winner, losers }) => [name, winner, losers]),
        [[field, 'alpha', ['beta']]],
      );
      const [name, value] = Object.entries(older)[0] ?? [];
      assert.deepEqual(Object.entries(service).find(([key]) => key === name)?.[1], value);
      assert.equal(service.backends.length, 2);
    });
  }

  it('sees no conflict between a default of Kubernetes that is written and one that is left out', () => {
    const written = {
      sessionAffinity: 'ClientIP',
      sessionAffinityTimeoutS: 10_800,
      internalTrafficPolicy: 'Cluster',
    } as const;
    assert.deepEqual(merged(written, { sessionAffinity: 'ClientIP' }).conflicts, []);
    assert.deepEqual(merged({ sessionAffinity: 'ClientIP' }, written).conflicts, []);
  });

  it('sees no conflict in the order of labels', () => {
    assert.deepEqual(merged({ labels: { a: '1', b: '2' } }, { labels: { b: '2', a: '1' } }).conflicts, []);
  });

  it('takes the older of two exports by the later of its creation and its cluster joining', () => {
    const claims = exampleView('alpha', [exampleService({ exportedAtMs: 0, type: 'Headless' })], { joinedAtMs: 9_000 });
    const honest = exampleView('beta', [exampleService({ exportedAtMs: 5_000 })], { joinedAtMs: 100 });
    assert.equal(mergedShop([claims, honest]).type, 'ClusterSetIP');
  });

  it('takes the cluster id where the ages are equal', () => {
    const views = ['beta', 'alpha'].map((name) => exampleView(name, [exampleService({ labels: { from: name } })]));
    assert.deepEqual(mergedShop(views).labels, { from: 'alpha' });
  });

  it('names all losers of one field in one conflict', () => {
    const [conflict] = merged({}, { type: 'Headless' }, { type: 'Headless' }).conflicts;
    assert.deepEqual(conflict?.losers, ['beta', 'gamma']);
    assert.match(conflict?.message ?? '', /type of alpha .* wins over beta, gamma$/);
  });
});

describe('mergeState: ports', () => {
  const portsOf = (service: MergedService): unknown => service.ports.map(({ name, port }) => [name, port]);
  const suppliers = (service: MergedService, port: number): readonly string[] =>
    service.backends.filter(({ ready }) => ready.some((entry) => entry.port === port)).map(({ cluster }) => cluster);
  const ready = (...ports: readonly number[]): ServiceRecord['ready'] => ports.map((port) => ({ port, ready: 1 }));

  it('is the union, sorted by number; a cluster supplies what it has', () => {
    const service = merged({ ports: [ADMIN], ready: ready(81) }, { ports: [HTTP_PORT], ready: ready(80) });
    assert.deepEqual(portsOf(service), [
      ['http', 80],
      ['admin', 81],
    ]);
    assert.deepEqual([suppliers(service, 80), suppliers(service, 81)], [['beta'], ['alpha']]);
    assert.deepEqual(service.conflicts, []);
  });

  it('a name with two numbers goes to the oldest; the loser does not supply it', () => {
    const moved = { ...HTTP_PORT, port: 8080 };
    const service = merged({}, { ports: [moved], ready: ready(8080) });
    assert.deepEqual(portsOf(service), [['http', 80]]);
    assert.deepEqual([suppliers(service, 80), suppliers(service, 8080)], [['alpha'], []]);
    assert.deepEqual(
      service.conflicts.map(({ field, losers }) => [field, losers]),
      [['ports', ['beta']]],
    );
  });

  it('a number with two names keeps the oldest name; both supply it', () => {
    const service = merged({}, { ports: [{ ...HTTP_PORT, name: 'web' }] });
    assert.deepEqual(portsOf(service), [['http', 80]]);
    assert.deepEqual(suppliers(service, 80), ['alpha', 'beta']);
    assert.equal(service.conflicts[0]?.field, 'ports');
  });

  it('a number that one takes for HTTP and another for TCP is supplied by the oldest alone', () => {
    const service = merged({}, { ports: [{ ...HTTP_PORT, appProtocol: 'tcp' }] });
    assert.deepEqual(suppliers(service, 80), ['alpha']);
    assert.match(service.conflicts[0]?.message ?? '', /^beta: http 80\/TCP tcp against http 80\/TCP http$/);
  });

  it('HTTP/1.1 here and HTTP/2 there is a conflict in which both supply, since gateways translate', () => {
    const service = merged({}, { ports: [{ ...HTTP_PORT, appProtocol: 'http2' }] });
    assert.deepEqual(suppliers(service, 80), ['alpha', 'beta']);
    assert.equal(service.conflicts.length, 1);
  });

  it('the same number in TCP and UDP is two ports', () => {
    const dns = { name: 'dns', protocol: 'UDP', port: 80, appProtocol: 'tcp' } as const;
    assert.deepEqual(portsOf(merged({}, { ports: [dns] })), [
      ['http', 80],
      ['dns', 80],
    ]);
  });

  it('a nameless port takes the name that another export gives it, without a conflict', () => {
    const nameless = { ...HTTP_PORT, name: '' };
    const service = merged({ ports: [nameless] }, {});
    assert.deepEqual([portsOf(service), service.conflicts], [[['http', 80]], []]);
    assert.deepEqual(merged({}, { ports: [nameless] }).conflicts, []);
  });

  it('a nameless port gets a name of its own once the service has several', () => {
    const service = merged({ ports: [{ ...HTTP_PORT, name: '' }] }, { ports: [ADMIN], ready: ready(81) });
    assert.deepEqual(portsOf(service), [
      ['tcp-80', 80],
      ['admin', 81],
    ]);
  });

  it('many clusters do not add up to more ports than one may have', () => {
    const many = (from: number): ServicePort[] =>
      Array.from({ length: 80 }, (_, i) => ({ ...HTTP_PORT, name: `p-${from + i}`, port: from + i }));
    const service = merged({ ports: many(1), ready: [] }, { ports: many(1_000), ready: ready(1_010, 1_060) });
    assert.equal(service.ports.length, 100);
    assert.deepEqual([suppliers(service, 1_010), suppliers(service, 1_060)], [['beta'], []]);
    assert.deepEqual(
      service.conflicts.map(({ losers }) => losers),
      [['beta']],
    );
  });
});
