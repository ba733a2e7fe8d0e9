import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildClusterView, decodeChange, viewOfRecords } from './cluster-view.ts';
import type { RecordSet } from './records.ts';
import { DEFAULT_RECORD_LIMITS } from './records.ts';
import type { ClusterView } from './state.ts';
import {
  exampleChain,
  exampleCluster,
  exampleGateway,
  exampleHead,
  exampleService,
  recordSet,
} from './testing/records.fixture.ts';

const head = exampleHead();
const rest = { head, joinedAtMs: 5, limits: DEFAULT_RECORD_LIMITS };

function viewOf(records: RecordSet, previous?: { view: ClusterView; records: RecordSet }): ClusterView {
  const view = viewOfRecords({ ...rest, records }, previous);
  assert.ok(view.ok);
  return view.value;
}

describe('cluster view', () => {
  const records = recordSet([
    exampleService({ name: 'zoo' }),
    exampleService(),
    exampleGateway({ name: 'gw-2' }),
    exampleGateway(),
    exampleChain(),
    exampleCluster(),
  ]);
  const view = viewOf(records);

  it('sorts services and gateways, whatever the order of the records', () => {
    assert.deepEqual([...view.services.keys()], ['default/shop', 'default/zoo']);
    assert.deepEqual(
      view.gateways.map(({ name }) => name),
      ['gw-1', 'gw-2'],
    );
    assert.deepEqual([view.cluster, view.joinedAtMs, view.info], ['west', 5, exampleCluster()]);
  });

  it('is the very same when nothing changed', () => {
    assert.equal(viewOf(new Map(records), { view, records }), view);
  });

  it('puts a new service in its place', () => {
    const more = new Map([...records, ...recordSet([exampleService({ name: 'tea' })])]);
    assert.deepEqual(
      [...viewOf(more, { view, records }).services.keys()],
      ['default/shop', 'default/tea', 'default/zoo'],
    );
  });

  it('replaces and removes gateways and keeps the others', () => {
    const changed = new Map([...records, ...recordSet([exampleGateway({ draining: true })])]);
    changed.delete('gateway/gw-2');
    const after = viewOf(changed, { view, records });
    assert.deepEqual(after.gateways, [exampleGateway({ draining: true })]);
    assert.equal(after.services, view.services);
  });

  it('fails without a cluster record, also when it is taken away later', () => {
    const without = new Map(records);
    without.delete('cluster');
    for (const previous of [undefined, { view, records }]) {
      const refused = viewOfRecords({ ...rest, records: without }, previous);
      assert.equal(refused.ok ? '' : refused.reason, 'NoClusterRecord');
    }
  });

  it('names the first record that does not decode', () => {
    const refused = viewOfRecords({ ...rest, records: new Map([...records, ['gateway/x', new Uint8Array()]]) });
    assert.equal(refused.ok ? '' : refused.reason, 'NotJson');
  });

  it('takes the good part of a change and lists what is bad in it', () => {
    const puts = new Map([...records, ['gateway/x', new Uint8Array()], ['facts/y', new Uint8Array()]]);
    const { decoded, problems } = decodeChange({ puts, deletes: [] }, DEFAULT_RECORD_LIMITS);
    assert.deepEqual(
      problems.map(({ key, reason }) => [key, reason]),
      [['gateway/x', 'NotJson']],
    );
    assert.deepEqual(buildClusterView({ head, joinedAtMs: 5, change: decoded }), { ok: true, value: view });
  });
});
