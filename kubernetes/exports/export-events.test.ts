import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WantedCondition } from '../api/objects.ts';
import { exportOccurrences } from './export-events.ts';
import type { ExportVerdict } from './verdict.ts';

const VERDICT: ExportVerdict = {
  outcome: 'invalid',
  key: 'shop/cart',
  uid: 'u1',
  generation: 1,
  reason: 'NoService',
  message: 'there is no Service',
};

function condition(type: string, status: 'True' | 'False', reason: string): WantedCondition {
  return { type, status, reason, message: `${reason} it is` };
}

const FINE = [
  condition('Valid', 'True', 'Valid'),
  condition('Ready', 'True', 'Exported'),
  condition('Conflict', 'False', 'NoConflicts'),
];
const PENDING = [FINE[0], condition('Ready', 'False', 'Pending'), FINE[2]].filter((one) => one !== undefined);

function told(now: readonly WantedCondition[], before?: readonly WantedCondition[]): readonly string[] {
  return exportOccurrences(VERDICT, now, before).map(({ type, reason }) => `${type} ${reason}`);
}

test('an export that comes into being is told once, when it is in the store', () => {
  assert.deepEqual(told(PENDING, []), []);
  assert.deepEqual(told(FINE, PENDING), ['Normal Exported']);
  assert.deepEqual(told(FINE, FINE), []);
});

test('after a restart only what is wrong is told', () => {
  assert.deepEqual(told(FINE), []);
  assert.deepEqual(told([condition('Valid', 'False', 'NoService')]), ['Warning NoService']);
});

test('a conflict is a warning when it begins and when it changes, and no news when it ends', () => {
  const one = [...FINE.slice(0, 2), condition('Conflict', 'True', 'PortConflict')];
  const two = [...FINE.slice(0, 2), condition('Conflict', 'True', 'PortConflict,TypeConflict')];
  assert.deepEqual(told(one, FINE), ['Warning PortConflict']);
  assert.deepEqual(told(two, one), ['Warning PortConflict,TypeConflict']);
  assert.deepEqual(told(FINE, two), []);
});

test('an Event names the object that it is about', () => {
  const [occurrence] = exportOccurrences(VERDICT, [condition('Valid', 'False', 'NoService')], []);
  assert.deepEqual(occurrence?.regarding, {
    apiVersion: 'multicluster.x-k8s.io/v1beta1',
    kind: 'ServiceExport',
    namespace: 'shop',
    name: 'cart',
    uid: 'u1',
  });
});
