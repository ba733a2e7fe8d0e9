import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ClusterId,
  type NetworkId,
  parseClusterId,
  parseNetworkId,
  serviceKey,
  servicePortKey,
} from '../../federation/model/ids.ts';
import type { LocalView } from '../../federation/model/local.ts';
import { endpointHealthKey } from '../../federation/model/own-records.ts';
import type { GatewayRecord } from '../../federation/model/records.ts';
import type { ClusterView, FederationState, LivenessVerdict, PeerState } from '../../federation/model/state.ts';
import type { EgressIR } from '../../gateway-config/ir.ts';
import { clusterList } from './clusters.ts';
import { endpointList } from './endpoints.ts';
import { gatewayList } from './gateways.ts';
import { serviceList } from './services.ts';
import { status } from './status.ts';

const [EAST, WEST, EDGE, LOST] = ['east', 'west', 'edge', 'lost'].map(parseClusterId) as [
  ClusterId,
  ClusterId,
  ClusterId,
  ClusterId,
];
const NETWORK: NetworkId = parseNetworkId('a');
const WEB = serviceKey('shop', 'web');
const WEB_80 = servicePortKey(WEB, 80);

function gateway(name: string, host: string): GatewayRecord {
  return {
    kind: 'gateway',
    name,
    addresses: [{ host, port: 15_443 }],
    weight: 100,
    draining: false,
    modes: ['http', 'tcp'],
  };
}

function view(cluster: ClusterId, gateways: readonly GatewayRecord[]): ClusterView {
  return {
    cluster,
    head: {
      schema: 1,
      cluster,
      incarnation: 1,
      epoch: 2,
      writerId: 'w',
      version: 3,
      beat: 4,
      digest: '',
      rosterSeen: 1,
      acks: {},
      issuedAtMs: 0,
    },
    joinedAtMs: 0,
    info: {
      kind: 'cluster',
      schema: 1,
      network: NETWORK,
      region: 'eu',
      softwareVersion: '0.1.0',
      schemaRange: [1, 1],
      capabilities: [],
      transit: false,
    },
    gateways,
    services: new Map(),
  };
}

function peer(cluster: ClusterId, verdict: LivenessVerdict, host: string): PeerState {
  const liveness = { verdict, reason: 'HeadStale', message: 'no new head', sinceMs: 4_000 };
  return { view: view(cluster, [gateway('main', host)]), liveness, serving: verdict === 'Live' };
}

const PORT = { name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' } as const;

const STATE: FederationState = {
  self: EAST,
  own: view(EAST, [gateway('main', '203.0.113.1')]),
  peers: new Map([
    [WEST, peer(WEST, 'Live', '2001:db8::1')],
    [EDGE, peer(EDGE, 'Unreachable', '203.0.113.3')],
  ]),
  services: new Map([
    [
      WEB,
      {
        key: WEB,
        type: 'ClusterSetIP',
        ports: [PORT],
        sessionAffinity: 'None',
        labels: {},
        annotations: {},
        backends: [
          { cluster: EDGE, network: NETWORK, ready: [{ port: 80, ready: 1 }], standby: true },
          {
            cluster: WEST,
            network: NETWORK,
            ready: [
              { port: 80, zone: 'x', ready: 2 },
              { port: 80, zone: 'y', ready: 1 },
            ],
          },
        ],
        conflicts: [{ field: 'ports', winner: WEST, losers: [EDGE], message: 'ports differ' }],
      },
    ],
  ]),
};

const LOCAL: LocalView = {
  services: new Map([
    [
      WEB,
      {
        key: WEB,
        namespace: 'shop',
        name: 'web',
        type: 'ClusterSetIP',
        ports: [PORT],
        sessionAffinity: 'None',
        labels: {},
        annotations: {},
        exported: true,
        exportedAtMs: 1,
        endpoints: [
          { address: '10.0.0.2', ports: { 80: 8080 }, ready: false },
          { address: '10.0.0.1', ports: { 80: 8080 }, ready: true, zone: 'z' },
          { address: '10.0.0.3', ports: { 80: 8080 }, ready: true },
        ],
      },
    ],
  ]),
};

const EGRESS: EgressIR = {
  service: WEB_80,
  protocol: 'http',
  listen: { address: '10.0.0.254', port: 20_001 },
  local: [],
  tiers: [[{ cluster: WEST, weight: 3 }], [{ cluster: EDGE, weight: 1 }]],
};

const MEMBERS = [EAST, WEST, EDGE, LOST].map((cluster) => ({ cluster, status: 'active' as const }));
const clusters = clusterList({
  state: STATE,
  members: MEMBERS,
  rejections: new Map([[EDGE, 'digest does not match']]),
  nowMonotonicMs: 10_500,
});
const gateways = gatewayList({
  state: STATE,
  own: [gateway('main', '203.0.113.1')],
  programmed: new Map([['main', { connected: true, acknowledged: 5, pending: 1, refused: [] }]]),
  probes: new Map([
    ['[2001:db8::1]:15443', 'good'],
    ['203.0.113.3:15443', 'bad'],
  ]),
});

test('clusters lists every member by name, also those nothing was heard of', () => {
  assert.equal(clusters.kind, 'ClusterList');
  assert.deepEqual(
    clusters.items.map(({ metadata, status: { self, liveness, forSeconds, serving, rejected } }) => [
      metadata.name,
      self,
      liveness,
      forSeconds,
      serving,
      rejected,
    ]),
    [
      ['east', true, 'Live', undefined, true, undefined],
      ['edge', false, 'Unreachable', 6, false, 'digest does not match'],
      ['lost', false, 'Unknown', undefined, false, undefined],
      ['west', false, 'Live', 6, true, undefined],
    ],
  );
  assert.deepEqual(clusters.items[3]?.spec, { network: 'a', region: 'eu', softwareVersion: '0.1.0' });
  assert.deepEqual(clusters.items[3]?.status.head, { incarnation: 1, epoch: 2, version: 3, beat: 4 });
  assert.equal(clusters.items[2]?.spec, undefined);
});

test('services shows who serves, where to call, and who disagrees', () => {
  const [web] = serviceList({ state: STATE, local: LOCAL, gateways: [{ egress: [EGRESS] }] }).items;
  assert.deepEqual(web?.spec.ports, [{ ...PORT, callAt: '10.0.0.254:20001' }]);
  assert.deepEqual(web?.status, {
    exported: true,
    localReady: 2,
    localEndpoints: 3,
    backends: [
      { cluster: 'edge', network: 'a', ready: 1, standby: true },
      { cluster: 'west', network: 'a', ready: 3, standby: false },
    ],
    conflicts: [{ field: 'ports', winner: 'west', message: 'ports differ' }],
  });
});

test('a service that is only here, or only elsewhere, is listed too', () => {
  const here = serviceList({ state: { ...STATE, services: new Map() }, local: LOCAL, gateways: [] });
  const there = serviceList({ state: STATE, local: { services: new Map() }, gateways: [] });
  assert.deepEqual(
    here.items.map(({ status: { backends, localReady } }) => [backends.length, localReady]),
    [[0, 2]],
  );
  assert.deepEqual(
    there.items.map(({ status: { backends, exported } }) => [backends.length, exported]),
    [[2, false]],
  );
});

test('gateways shows own ones with what they acknowledged, and others with the own probes', () => {
  assert.deepEqual(
    gateways.items.map(({ spec, status: one }) => [
      spec.cluster,
      spec.addresses[0],
      one.probe,
      one.programmed?.pending,
    ]),
    [
      ['east', '203.0.113.1:15443', 'unknown', 1],
      ['edge', '203.0.113.3:15443', 'bad', undefined],
      ['west', '[2001:db8::1]:15443', 'good', undefined],
    ],
  );
});

test('endpoints are in the order of failover, with the reason why one gets nothing', () => {
  const unhealthy = new Set([endpointHealthKey(WEB, 80, '10.0.0.3', 8080)]);
  const list = endpointList({ self: 'east', local: LOCAL, gateways: [{ egress: [EGRESS] }], unhealthy });
  assert.deepEqual(
    list.items.map(({ spec, status: one }) => [
      one.tier,
      spec.cluster,
      spec.address,
      one.ready,
      one.reason,
      one.weight,
    ]),
    [
      [0, 'east', '10.0.0.1:8080', true, undefined, 1],
      [0, 'east', '10.0.0.2:8080', false, 'NotReady', 1],
      [0, 'east', '10.0.0.3:8080', false, 'HealthCheckFailed', 1],
      [1, 'west', undefined, true, undefined, 3],
      [2, 'edge', undefined, true, undefined, 1],
    ],
  );
});

test('where a policy puts the own endpoints later, their turn says so', () => {
  const egress = [{ ...EGRESS, localAfter: 1 }];
  const { items } = endpointList({ self: 'east', local: LOCAL, gateways: [{ egress }], unhealthy: new Set() });
  const turns = items.map(({ spec, status: one }) => `${one.tier} ${spec.cluster}`);
  assert.deepEqual([...new Set(turns)], ['0 west', '1 east', '2 edge']);
});

test('status counts what the other commands show, worst findings first, and hides the secrets of stores', () => {
  const page = status({
    cluster: 'east',
    clusterset: 'prod.example.org',
    network: 'a',
    version: '0.1.0',
    startedMonotonicMs: 500,
    nowMonotonicMs: 10_500,
    nowEpochMs: Date.UTC(2026, 10, 24),
    checks: [
      { name: 'sources', ok: true },
      { name: 'xds', ok: false, message: 'not listening' },
    ],
    stores: [
      { name: 'isthmus://h:1', url: 'isthmus://h:1?pin=a&claim=TOPSECRET', link: 'down', sinceMonotonicMs: 7_500 },
      {
        name: 'embedded:a',
        url: 'embedded:a',
        link: 'up',
        sinceMonotonicMs: 8_500,
        behind: 2,
        pending: true,
        published: 4,
      },
    ],
    clusters: clusters.items,
    gateways: gateways.items,
    services: { exported: 1, callable: 1, conflicts: 1 },
    certificates: [{ name: 'root', notAfterMs: Date.UTC(2026, 10, 25) }],
    rosterVersion: 7,
    role: {
      kind: 'leader',
      replica: 'a',
      leader: 'a',
      epoch: 4,
      transitions: 2,
      sinceMs: 8_500,
      nowMonotonicMs: 10_500,
    },
    findings: [
      { severity: 'warning', reason: 'B', message: 'b' },
      { severity: 'error', reason: 'A', message: 'a' },
    ],
  });
  assert.equal(page.ready, false);
  assert.equal(page.uptimeSeconds, 10);
  assert.deepEqual(page.role, {
    replica: 'a',
    kind: 'leader',
    leader: 'a',
    epoch: 4,
    leaseTransitions: 2,
    forSeconds: 2,
  });
  assert.deepEqual(page.peers, { total: 3, live: 1, stale: 0, unreachable: 1, gone: 0, unknown: 1 });
  assert.deepEqual(page.gateways, { total: 1, connected: 1, pending: 1, refused: 0 });
  assert.deepEqual(page.stores, [
    { url: 'isthmus://h:1?pin=a&claim=[redacted]', up: false, forSeconds: 3 },
    { url: 'embedded:a', up: true, forSeconds: 2, behind: 2, pending: true },
  ]);
  assert.deepEqual(page.certificates, [
    { name: 'root', notAfter: '2026-11-25T00:00:00.000Z', remainingSeconds: 86_400 },
  ]);
  assert.deepEqual(
    page.findings.map(({ reason }) => reason),
    ['A', 'B'],
  );
});

test('the pods behind one record are shown each, with what each of them acknowledged', () => {
  const standing = { connected: true, acknowledged: 5, pending: 0, refused: [] };
  const { items } = gatewayList({
    state: { ...STATE, peers: new Map() },
    own: [gateway('default', '203.0.113.1')],
    programmed: new Map([
      ['pod-b', standing],
      ['pod-a', { ...standing, pending: 2 }],
    ]),
    probes: new Map(),
  });
  assert.deepEqual(
    items.map(({ metadata, spec, status: one }) => [metadata.name, spec.addresses[0], one.programmed?.pending]),
    [
      ['pod-a', '203.0.113.1:15443', 2],
      ['pod-b', '203.0.113.1:15443', 0],
    ],
  );
});
