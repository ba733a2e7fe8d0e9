import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId, serviceKey } from '../../federation/model/ids.ts';
import { mergePorts } from '../../federation/model/merge-ports.ts';
import type { ServiceConflict } from '../../federation/model/state.ts';
import { exportConditions } from './conditions.ts';
import type { ExportVerdict } from './verdict.ts';

const about = { key: 'default/shop', uid: 'u1', generation: 7 };
const EXPORTED: ExportVerdict = {
  ...about,
  outcome: 'exported',
  notes: [],
  service: {
    key: serviceKey('default', 'shop'),
    namespace: 'default',
    name: 'shop',
    type: 'ClusterSetIP',
    ports: [],
    sessionAffinity: 'None',
    exported: true,
    exportedAtMs: 1,
    labels: {},
    annotations: {},
    endpoints: [],
  },
};

function conditionsOf(
  verdict: ExportVerdict,
  fields: { published?: boolean; failure?: string; conflicts?: readonly ServiceConflict[] } = {},
): Record<string, string> {
  const found = exportConditions({ verdict, published: true, conflicts: [], ...fields });
  for (const condition of found) {
    assert.equal(condition.observedGeneration, 7);
    // meta/v1: what the API server takes for a reason.
    assert.match(condition.reason, /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/);
  }
  return Object.fromEntries(found.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

test('a published export is valid, ready and without conflict', () => {
  assert.deepEqual(conditionsOf(EXPORTED), {
    Valid: 'True Valid',
    Ready: 'True Exported',
    Conflict: 'False NoConflicts',
  });
});

test('an export is pending until a head that has it is committed', () => {
  assert.equal(conditionsOf(EXPORTED, { published: false })['Ready'], 'False Pending');
});

test('a record that was refused makes the export fail with the reason', () => {
  const [, ready] = exportConditions({ verdict: EXPORTED, published: true, failure: 'too large', conflicts: [] });
  assert.equal(ready?.reason, 'Failed');
  assert.match(ready?.message ?? '', /too large/);
});

test('a missing Service is waited for, one of a wrong type is not', () => {
  const invalid = (reason: 'NoService' | 'InvalidServiceType'): ExportVerdict => ({
    ...about,
    outcome: 'invalid',
    reason,
    message: 'm',
  });
  assert.deepEqual(conditionsOf(invalid('NoService')), {
    Valid: 'False NoService',
    Ready: 'False Pending',
    Conflict: 'False NoConflicts',
  });
  assert.deepEqual(conditionsOf(invalid('InvalidServiceType')), {
    Valid: 'False InvalidServiceType',
    Ready: 'False Failed',
    Conflict: 'False NoConflicts',
  });
});

test('a valid export beyond a limit is valid but failed', () => {
  const failed: ExportVerdict = { ...about, outcome: 'failed', message: 'm' };
  assert.deepEqual(conditionsOf(failed), { Valid: 'True Valid', Ready: 'False Failed', Conflict: 'False NoConflicts' });
});

test('nothing is written to an export that is being deleted', () => {
  assert.deepEqual(exportConditions({ verdict: { ...about, outcome: 'leaving' }, published: true, conflicts: [] }), []);
});

test('what was left out is told beside the good news', () => {
  const [, ready] = exportConditions({
    verdict: { ...EXPORTED, notes: ['left out: x'] },
    published: true,
    conflicts: [],
  });
  assert.equal(ready?.status, 'True');
  assert.match(ready?.message ?? '', /left out: x/);
});

const winner = parseClusterId('west');
const losers = [parseClusterId('east')];
const ALL_FIELDS = [
  'trafficDistribution',
  'labels',
  'ports',
  'sessionAffinityConfig',
  'type',
  'annotations',
  'internalTrafficPolicy',
  'sessionAffinity',
];

test('conflicts carry the reasons of the API, in its order, joined by commas', () => {
  const conflicts = ALL_FIELDS.map(
    (field): ServiceConflict => ({
      field,
      winner,
      losers,
      message: `${field} of west (the oldest export) wins over east`,
    }),
  );
  assert.equal(
    conditionsOf(EXPORTED, { conflicts })['Conflict'],
    'True PortConflict,TypeConflict,SessionAffinityConflict,SessionAffinityConfigConflict,AnnotationsConflict,LabelsConflict,InternalTrafficPolicyConflict,TrafficDistributionConflict',
  );
});

test('a conflict of ports names who won', () => {
  const tcp = { name: 'web', protocol: 'TCP', port: 80, appProtocol: 'tcp' } as const;
  const { conflicts } = mergePorts([
    { cluster: winner, ports: [tcp] },
    { cluster: parseClusterId('east'), ports: [{ ...tcp, port: 81 }] },
  ]);
  const conflict = exportConditions({ verdict: EXPORTED, published: true, conflicts }).find(
    ({ type }) => type === 'Conflict',
  );
  assert.equal(conflict?.reason, 'PortConflict');
  assert.match(conflict?.message ?? '', /west.*east/);
});

test('a message stays short however much there is to say', () => {
  const conflicts = [{ field: 'labels', winner, losers, message: 'x'.repeat(100_000) }];
  const conflict = exportConditions({ verdict: EXPORTED, published: true, conflicts }).at(-1);
  assert.ok((conflict?.message.length ?? 0) <= 2_048);
});
