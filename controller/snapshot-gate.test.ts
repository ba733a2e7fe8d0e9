import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId } from '../federation/model/ids.ts';
import type { Snapshot } from '../gateway-config/snapshot.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import type { Derived } from './derive.ts';
import { SnapshotGate } from './snapshot-gate.ts';

/** When gateways are told, by what is known of the own cluster and of the others. */
const WEST = parseClusterId('west');
const components = { clock: new SystemClock(), log: silentLogger };

function stage(): { gate: SnapshotGate; source: { known: boolean }; calls: string[] } {
  const snapshot = {} as Snapshot; // handed on and never looked into
  const derived = { snapshot } as Derived; // of it the gate reads the snapshot alone
  const source = { known: false };
  const calls: string[] = [];
  const gate = new SnapshotGate(components, {
    isSourceKnown: () => source.known,
    settled: () => {
      calls.push('settled');
      return derived;
    },
    derived: () => derived,
    serve: (served) => {
      assert.equal(served, snapshot);
      calls.push('served');
    },
  });
  gate.onFirstSync.add(() => calls.push('first sync'));
  return { gate, source, calls };
}

test('a source that learns that it has nothing opens the gate, though no snapshot changes by it', () => {
  const { gate, source, calls } = stage();
  gate.begin();
  assert.deepEqual(calls, ['settled', 'first sync']);
  source.known = true;
  gate.learned();
  assert.deepEqual(calls.slice(2), ['settled', 'served']);
  assert.equal(gate.known.held, true);
  gate.learned();
  assert.equal(calls.length, 4);
});

test('a source that is known does not open the gate before the other clusters are', () => {
  const { gate, source, calls } = stage();
  gate.firstSync.know([WEST]);
  source.known = true;
  gate.learned();
  gate.begin();
  gate.push();
  assert.equal(calls.includes('served'), false);
  gate.heard(WEST);
  assert.deepEqual(calls.slice(-3), ['settled', 'served', 'first sync']);
});

test('a change of a snapshot passes only when both are known', () => {
  const { gate, source, calls } = stage();
  gate.begin();
  gate.push();
  assert.equal(calls.includes('served'), false);
  source.known = true;
  gate.push();
  assert.deepEqual(calls.slice(-1), ['served']);
});
