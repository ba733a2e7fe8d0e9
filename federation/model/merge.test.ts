import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseClusterId, serviceKey } from './ids.ts';
import type { MergeInput } from './merge.ts';
import { mergeState } from './merge.ts';
import type { ServiceRecord } from './records.ts';
import type { ClusterView, FederationState, MergedService, PeerState } from './state.ts';
import {
  exampleCluster,
  examplePeer,
  exampleService,
  exampleView,
  GONE,
  UNREACHABLE,
} from './testing/records.fixture.ts';

const east = parseClusterId('east');
const shop = serviceKey('default', 'shop');

function inputOf(own: ClusterView | undefined, ...peers: readonly (ClusterView | PeerState)[]): MergeInput {
  const states = peers.map((peer) => ('view' in peer ? peer : examplePeer(peer)));
  return { self: east, own, peers: new Map(states.map((peer) => [peer.view.cluster, peer])) };
}

function mergedShop(state: FederationState): MergedService {
  const service = state.services.get(shop);
  assert.ok(service);
  return service;
}

/** Exports of one service by several clusters, the first the oldest. */
function merged(...exports: readonly Partial<ServiceRecord>[]): MergedService {
  const names = ['alpha', 'beta', 'gamma', 'delta'];
  const views = exports.map((fields, index) =>
    exampleView(names[index] ?? 'x', [exampleService({ exportedAtMs: 1_000 + index, ...fields })]),
  );
  return mergedShop(mergeState(inputOf(undefined, ...views)));
}

describe('mergeState: backends', () => {
  it('joins the exports of all clusters, the own one included, sorted by cluster', () => {
    const own = exampleView('east', [exampleService({ ready: [{ port: 80, ready: 1 }] })]);
    const service = mergedShop(
      mergeState(inputOf(own, exampleView('west', [exampleService()]), exampleView('edge', [exampleService()]))),
    );
    assert.deepEqual(
      service.backends.map(({ cluster, network, ready }) => [cluster, network, ready]),
      [
        ['east', 'net-east', [{ port: 80, ready: 1 }]],
        ['edge', 'net-edge', [{ port: 80, ready: 3 }]],
        ['west', 'net-west', [{ port: 80, ready: 3 }]],
      ],
    );
    assert.deepEqual(service.conflicts, []);
  });

  it('carries region, zone and grants of each backend', () => {
    const info = exampleCluster({ region: 'us', zone: 'us-2' });
    const view = exampleView('west', [exampleService({ grantedTo: [east] })], { info });
    const [backend] = mergedShop(mergeState(inputOf(undefined, view))).backends;
    assert.deepEqual([backend?.region, backend?.zone, backend?.grantedTo], ['us', 'us-2', [east]]);
  });

  it('takes a Gone peer out of the backends, keeps the name and the conflicts', () => {
    const views = [
      exampleView('west', [exampleService({ exportedAtMs: 1 })]),
      exampleView('edge', [exampleService({ exportedAtMs: 2, sessionAffinity: 'ClientIP' })]),
    ] as const;
    const alive = mergedShop(mergeState(inputOf(undefined, ...views)));
    const gone = views.map((view) => examplePeer(view, { liveness: GONE, serving: false }));
    const service = mergedShop(mergeState(inputOf(undefined, ...gone)));
    assert.deepEqual(service.backends, []);
    assert.deepEqual(service.conflicts, alive.conflicts);
    assert.equal(service.conflicts.length, 1);
  });

  it('keeps a peer that is unreachable or held back as standby, because crashes need something to fail over to', () => {
    const west = examplePeer(exampleView('west', [exampleService()]), { liveness: UNREACHABLE, serving: false });
    const held = examplePeer(exampleView('edge', [exampleService()]), { serving: false });
    const own = exampleView('east', [exampleService()]);
    const { backends } = mergedShop(mergeState(inputOf(own, west, held)));
    assert.deepEqual(
      backends.map(({ cluster, standby }) => [cluster, standby]),
      [
        ['east', undefined],
        ['edge', true],
        ['west', true],
      ],
    );
  });

  it('keeps a service without any ready endpoint: no weight is not no service', () => {
    const service = merged({ ready: [] });
    assert.deepEqual(service.backends[0]?.ready, []);
  });

  it('lets only the pinned clusters supply a namespace, and lets others not even cause a conflict', () => {
    const west = exampleView('west', [exampleService()]);
    const rogue = exampleView('rogue', [exampleService({ exportedAtMs: 0, type: 'Headless' })]);
    const pins = new Map([['default', [west.cluster]]]);
    const free = mergedShop(mergeState(inputOf(undefined, west, rogue)));
    assert.equal(free.type, 'Headless');
    const pinned = mergedShop(mergeState({ ...inputOf(undefined, west, rogue), pins }));
    assert.equal(pinned.type, 'ClusterSetIP');
    assert.deepEqual(
      pinned.backends.map(({ cluster }) => cluster),
      ['west'],
    );
    assert.deepEqual(pinned.conflicts, []);
  });

  it('does not let a peer under our own name speak for us', () => {
    const own = exampleView('east', [exampleService({ labels: { from: 'us' } })]);
    const liar = exampleView('east', [exampleService({ labels: { from: 'them' }, exportedAtMs: 0 })]);
    assert.deepEqual(mergedShop(mergeState(inputOf(own, liar))).labels, { from: 'us' });
  });
});

describe('mergeState: identity', () => {
  const west = exampleView('west', [exampleService(), exampleService({ name: 'cart' })]);
  const edge = exampleView('edge', [exampleService()]);
  const before = mergeState(inputOf(undefined, west, edge));

  it('gives the very same state when nothing changed', () => {
    assert.equal(mergeState({ ...inputOf(undefined), peers: new Map(before.peers) }, before), before);
  });

  it('keeps every service when only heads advanced', () => {
    const beaten = { ...west, head: { ...west.head, beat: 1 } };
    const after = mergeState(inputOf(undefined, beaten, edge), before);
    assert.equal(after.services, before.services);
    assert.notEqual(after, before);
  });

  it('keeps the services that a change does not name', () => {
    const changed = { ...west, services: new Map([...west.services, [shop, exampleService({ ready: [] })] as const]) };
    const after = mergeState(inputOf(undefined, changed, edge), before);
    const cart = serviceKey('default', 'cart');
    assert.equal(after.services.get(cart), before.services.get(cart));
    assert.notEqual(after.services.get(shop), before.services.get(shop));
  });

  it('keeps a service that was decoded anew but is equal', () => {
    const again = exampleView('west', [exampleService(), exampleService({ name: 'cart' })], { info: west.info });
    assert.equal(mergeState(inputOf(undefined, again, edge), before).services, before.services);
  });

  it('drops a service only with its last export, and a peer with its last word', () => {
    const without = { ...west, services: new Map([...west.services].slice(1)) };
    const after = mergeState(inputOf(undefined, without), before);
    assert.deepEqual([...after.services.keys()], ['default/shop']);
    assert.deepEqual([...mergeState(inputOf(undefined), after).services.keys()], []);
  });

  it('merges everything again when the pins change, and keeps what comes out equal', () => {
    const pins = new Map([['default', [west.cluster]]]);
    const input = { ...inputOf(undefined), peers: before.peers };
    const pinned = mergeState({ ...input, pins }, before);
    assert.deepEqual(
      mergedShop(pinned).backends.map(({ cluster }) => cluster),
      ['west'],
    );
    const cart = serviceKey('default', 'cart');
    assert.equal(pinned.services.get(cart), before.services.get(cart));
    assert.equal(mergeState({ ...input, pins: new Map(pins) }, pinned), pinned);
  });
});
