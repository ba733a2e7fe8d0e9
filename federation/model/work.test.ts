import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accept, type Accepted } from './accept.ts';
import { applyChange } from './diff.ts';
import { encodeRecord, recordKeyOf } from './encode.ts';
import type { ClusterId } from './ids.ts';
import { parseClusterId, serviceKey } from './ids.ts';
import { mergeState } from './merge.ts';
import type { RecordSet, ServiceRecord } from './records.ts';
import { SortedMap } from './sorted-map.ts';
import type { ClusterView, FederationState, PeerState } from './state.ts';
import { exampleService, exampleView, LIVE } from './testing/records.fixture.ts';
import { SignedCluster } from './testing/signed-cluster.fixture.ts';

/** How much is done for one change, counted and not timed: it follows the change, not the clusterset. */
const SERVICES = 500;
const west = new SignedCluster();

function accepted(records: RecordSet, version: number, previous?: Accepted): Accepted {
  const outcome = accept(west.input(records, { version }, { previous, mark: previous?.mark }));
  if (!outcome.ok) return assert.fail(outcome.message);
  return outcome;
}

test('one changed record of many is the only one that is read again, and the rest keeps its identity', () => {
  const services = Array.from({ length: SERVICES }, (_, index) => exampleService({ name: `s-${index}` }));
  const first = accepted(west.records(services), 1);
  const changed = exampleService({ name: 's-7', ready: [{ port: 80, ready: 9 }] });
  // A delta names every record that its versions touched, also those that came out as they were.
  const same = exampleService({ name: 's-8' });
  const puts = new Map([changed, same].map((record) => [recordKeyOf(record), encodeRecord(record)]));
  const second = accepted(applyChange(first.records, { puts, deletes: [] }), 2, first);
  const views = [first.view.services, second.view.services].map((map) => SortedMap.from(map));
  const [before, after] = views;
  assert.ok(before !== undefined && after !== undefined);
  assert.deepEqual(SortedMap.changedKeys(before, after), ['default/s-7']);
  assert.deepEqual(SortedMap.changedKeys(SortedMap.from(first.records), SortedMap.from(second.records)), [
    'service/default/s-7',
  ]);
  assert.deepEqual(second.totals, { ...first.totals, bytes: totalBytes(second.records) });
});

test('totals carried from version to version are those of counting anew', () => {
  const first = accepted(west.records([exampleService(), exampleService({ name: 'two' })]), 1);
  const key = recordKeyOf(exampleService());
  const second = accepted(applyChange(first.records, { puts: new Map(), deletes: [key] }), 2, first);
  assert.deepEqual(second.totals, accepted(new Map(second.records), 2).totals);
  assert.deepEqual([first.totals.services, second.totals.services, second.totals.gateways], [2, 1, 1]);
});

function totalBytes(records: RecordSet): number {
  return [...records.values()].reduce((sum, bytes) => sum + bytes.length, 0);
}

/** A service that counts how often the merge looks at its ports. */
function watched(record: ServiceRecord, looked: () => void): ServiceRecord {
  return Object.defineProperty({ ...record }, 'ports', {
    enumerable: true,
    get: () => {
      looked();
      return record.ports;
    },
  });
}

function looksForOneChange(clusters: number): number {
  let looks = 0;
  const views = new Map<ClusterId, ClusterView>();
  for (let index = 0; index < clusters; index += 1) {
    const services = Array.from({ length: 50 }, (_, service) => exampleService({ name: `c${index}-s${service}` }));
    const view = exampleView(
      `c${index}`,
      services.map((service) => watched(service, () => void (looks += 1))),
    );
    views.set(view.cluster, view);
  }
  const before = stateOf(views);
  const changed = watched(exampleService({ name: 'c1-s3', ready: [] }), () => void (looks += 1));
  const name = parseClusterId('c1');
  const view = views.get(name);
  assert.ok(view !== undefined);
  const services = SortedMap.from(view.services).with(new Map([[serviceKey('default', 'c1-s3'), changed]]));
  looks = 0;
  const after = stateOf(new Map(views).set(name, { ...view, services }), before);
  const [old, fresh] = [SortedMap.from(before.services), SortedMap.from(after.services)];
  assert.deepEqual(SortedMap.changedKeys(old, fresh), ['default/c1-s3']);
  return looks;
}

function stateOf(views: ReadonlyMap<ClusterId, ClusterView>, previous?: FederationState): FederationState {
  const peers = new Map<ClusterId, PeerState>();
  for (const [cluster, view] of views) {
    const known = previous?.peers.get(cluster);
    peers.set(cluster, known?.view === view ? known : { view, liveness: LIVE, serving: true });
  }
  return mergeState({ self: parseClusterId('self'), own: undefined, peers }, previous);
}

test('merging one change looks at the same few services with 4 clusters and with 100', () => {
  const few = looksForOneChange(4);
  assert.ok(few > 0 && few <= 4, `${few} looks`);
  assert.equal(looksForOneChange(100), few);
});
