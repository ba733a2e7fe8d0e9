import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeObject, ServiceObject } from './api/objects.ts';
import type { GatewayAddresses, GatewayAddressesInput } from './gateway-addresses.ts';
import { gatewayAddresses, needsNodes, projectGatewayService, projectNode } from './gateway-addresses.ts';

type Spec = NonNullable<ServiceObject['spec']>;

function gateway(
  spec: Spec,
  ingress: readonly { ip?: string; hostname?: string }[] = [],
): ReturnType<typeof projectGatewayService> {
  return projectGatewayService({
    metadata: { name: 'isthmus-gateway' },
    spec: { ports: [{ name: 'gateway', port: 443, nodePort: 30_443 }], ...spec },
    status: { loadBalancer: { ingress } },
  });
}

function node(
  name: string,
  internal: string,
  fields: { zone?: string; external?: string; ready?: string; cordoned?: boolean } = {},
): ReturnType<typeof projectNode> {
  const { zone, external, ready = 'True', cordoned = false } = fields;
  const object: NodeObject = {
    metadata: { name, labels: zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone } },
    spec: { unschedulable: cordoned },
    status: {
      conditions: [{ type: 'Ready', status: ready }],
      addresses: [
        { type: 'Hostname', address: name },
        { type: 'InternalIP', address: internal },
        ...(external === undefined ? [] : [{ type: 'ExternalIP', address: external }]),
      ],
    },
  };
  return projectNode(object);
}

function addresses(input: Partial<GatewayAddressesInput>): GatewayAddresses {
  return gatewayAddresses({ service: undefined, nodes: [], gatewayNodes: new Set(), fixed: [], dev: false, ...input });
}

function hosts(input: Partial<GatewayAddressesInput>): readonly string[] {
  return addresses(input).addresses.map(({ host, port }) => `${host}:${port}`);
}

const NODES = [node('n1', '10.0.0.1'), node('n2', '10.0.0.2')];

test('the IP addresses of a load balancer come before its names, and both before the nodes', () => {
  const both = gateway({ type: 'LoadBalancer' }, [{ hostname: 'LB.example.org' }, { ip: '203.0.113.9' }]);
  assert.deepEqual(hosts({ service: both, nodes: NODES }), ['203.0.113.9:443']);
  const named = gateway({ type: 'LoadBalancer' }, [{ hostname: 'LB.example.org' }]);
  assert.deepEqual(hosts({ service: named, nodes: NODES }), ['lb.example.org:443']);
});

test('without a load balancer address the node port on the nodes counts, also while one is being made', () => {
  for (const type of ['NodePort', 'LoadBalancer'] as const) {
    const service = gateway({ type });
    assert.ok(needsNodes(service, { fixed: [] }));
    assert.deepEqual(hosts({ service, nodes: NODES }), ['10.0.0.1:30443', '10.0.0.2:30443']);
  }
  assert.ok(!needsNodes(gateway({ type: 'ClusterIP' }), { fixed: [] }));
  assert.ok(!needsNodes(gateway({ type: 'LoadBalancer' }, [{ ip: '203.0.113.9' }]), { fixed: [] }));
});

test('nodes that are not ready or cordoned are left out', () => {
  const nodes = [...NODES, node('n3', '10.0.0.3', { ready: 'Unknown' }), node('n4', '10.0.0.4', { cordoned: true })];
  assert.deepEqual(hosts({ service: gateway({ type: 'NodePort' }), nodes }), ['10.0.0.1:30443', '10.0.0.2:30443']);
});

test('where some node has an external address only external ones are published', () => {
  const nodes = [node('n1', '10.0.0.1'), node('n2', '10.0.0.2', { external: '198.51.100.2' })];
  assert.deepEqual(hosts({ service: gateway({ type: 'NodePort' }), nodes }), ['198.51.100.2:30443']);
});

test('with a local traffic policy only nodes with a gateway pod count', () => {
  const service = gateway({ type: 'NodePort', externalTrafficPolicy: 'Local' });
  assert.deepEqual(hosts({ service, nodes: NODES, gatewayNodes: new Set(['n2']) }), ['10.0.0.2:30443']);
});

test('of many nodes sixteen are published, spread over the zones', () => {
  const nodes = Array.from({ length: 60 }, (_, at) =>
    node(`n${String(at).padStart(2, '0')}`, `10.0.0.${at + 1}`, { zone: at < 40 ? 'a' : 'b' }),
  );
  const found = hosts({ service: gateway({ type: 'NodePort' }), nodes });
  assert.equal(found.length, 16);
  const inFirstZone = found.filter((host) => Number(host.split(':')[0]?.split('.')[3]) <= 40);
  assert.equal(inFirstZone.length, 8);
  assert.deepEqual(hosts({ service: gateway({ type: 'NodePort' }), nodes: nodes.toReversed() }), found);
});

test('what the site states goes before all that the cluster tells, and without any address there is a finding', () => {
  const fixed = [{ host: 'gw.example.org', port: 15_443 }];
  const balanced = gateway({ type: 'LoadBalancer' }, [{ ip: '203.0.113.9' }]);
  for (const service of [undefined, gateway({ type: 'ClusterIP' }), gateway({ type: 'NodePort' }), balanced]) {
    assert.deepEqual(hosts({ service, nodes: NODES, fixed }), ['gw.example.org:15443']);
    assert.ok(!needsNodes(service, { fixed }));
  }
  assert.equal(addresses({ fixed }).origin, 'Site');
  const none = addresses({ service: gateway({ type: 'ClusterIP' }) });
  assert.equal(none.origin, 'None');
  assert.equal(none.findings[0]?.reason, 'NoGatewayAddress');
});

test('an address that other clusters would refuse is not published, because they would refuse all of us', () => {
  const service = gateway({ type: 'LoadBalancer' }, [{ ip: '127.0.0.1' }, { ip: '203.0.113.9' }]);
  const found = addresses({ service });
  assert.deepEqual(found.addresses, [{ host: '203.0.113.9', port: 443 }]);
  assert.equal(found.findings[0]?.reason, 'AddressForbidden');
  assert.deepEqual(hosts({ service, dev: true }), ['127.0.0.1:443', '203.0.113.9:443']);
});

test('nodes are published by addresses of the Service’s own family', () => {
  const dual = projectNode({
    metadata: { name: 'n1' },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [
        { type: 'InternalIP', address: '10.0.0.1' },
        { type: 'InternalIP', address: 'fd00::1' },
      ],
    },
  });
  assert.deepEqual(hosts({ service: gateway({ type: 'NodePort', ipFamilies: ['IPv6', 'IPv4'] }), nodes: [dual] }), [
    'fd00::1:30443',
  ]);
  assert.deepEqual(hosts({ service: gateway({ type: 'NodePort', ipFamilies: ['IPv4'] }), nodes: [dual] }), [
    '10.0.0.1:30443',
  ]);
});

test('the gateway’s port is found by name, by target, by number, or because it is the only one', () => {
  const port = (ports: Spec['ports']): number | undefined =>
    projectGatewayService({
      metadata: { name: 'g' },
      spec: { type: 'NodePort', ...(ports === undefined ? {} : { ports }) },
    })?.port;
  assert.equal(
    port([
      { name: 'health', port: 1 },
      { name: 'gateway', port: 2 },
    ]),
    2,
  );
  assert.equal(
    port([
      { name: 'health', port: 1 },
      { name: 'tls', port: 443, targetPort: 15_443 },
    ]),
    443,
  );
  assert.equal(
    port([
      { name: 'health', port: 1 },
      { name: 'tls', port: 15_443 },
    ]),
    15_443,
  );
  assert.equal(port([{ port: 8443 }]), 8443);
  assert.equal(
    port([
      { name: 'a', port: 1 },
      { name: 'b', port: 2 },
    ]),
    undefined,
  );
});
