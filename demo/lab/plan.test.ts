import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadNamedTopology } from '../../topologies/load.ts';
import type { Topology } from '../../topologies/schema.ts';
import { chooseLoopbackNet, planLoopback, planNamespaces } from './plan.ts';

const topology = await loadNamedTopology('no-kube-3');

function withFirst(change: Partial<Topology['spec']['clusters'][number]>): Topology {
  const clusters = topology.spec.clusters.map((cluster, index) => (index === 0 ? { ...cluster, ...change } : cluster));
  return { ...topology, spec: { ...topology.spec, clusters } };
}

describe('plan of a lab', () => {
  test('in namespaces uses the addresses of the topology, the same range in every site', () => {
    const { sites, store } = planNamespaces(topology);
    assert.equal(store, '192.0.2.100');
    assert.deepEqual(
      sites.map(({ name, wan, lan, apps }) => [name, wan, lan, apps[0], apps.at(-1)]),
      [
        ['east', '192.0.2.1', '10.0.0.1', '10.0.0.10', '10.0.0.19'],
        ['west', '192.0.2.2', '10.0.0.1', '10.0.0.10', '10.0.0.19'],
        ['edge', '192.0.2.3', '10.0.0.1', '10.0.0.10', '10.0.0.19'],
      ],
    );
  });

  test('on loopback gives every host an address of its own below one net', () => {
    const { sites, store } = planLoopback(topology, 77);
    const all = [store, ...sites.flatMap(({ wan, lan, apps }) => [wan, lan, ...apps])];
    assert.equal(new Set(all).size, 37);
    for (const address of all) assert.match(address, /^127\.77\.\d+\.\d+$/);
  });

  test('refuses a topology that cannot be built', () => {
    assert.throws(
      () => planNamespaces(withFirst({ gateways: [] })),
      /east cannot be a site of the lab: it needs a gateway/,
    );
    assert.throws(() => planNamespaces(withFirst({ podCIDRs: [] })), /needs a gateway and a range/);
    const far = [{ name: 'gw-1', address: '198.51.100.1', port: 15_443 }];
    assert.throws(() => planNamespaces(withFirst({ gateways: far })), /outside 192\.0\.2\.0\/24/);
    assert.throws(() => planNamespaces(withFirst({ podCIDRs: ['10.0.0.0/30'] })), { code: 'range-too-small' });
  });

  test('takes a loopback net that no other lab has, until none is left', () => {
    const first = chooseLoopbackNet(1234, new Set());
    assert.notEqual(chooseLoopbackNet(1234, new Set([first])), first);
    const all = new Set(Array.from({ length: 255 }, (_, net) => net));
    assert.throws(() => chooseLoopbackNet(1234, all), { code: 'no-loopback-net' });
  });
});
