import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Snapshot, TYPE_URL } from '../snapshot.ts';
import { Ledger } from './ledger.ts';

function endpointsAt(versions: Readonly<Record<string, string>>): Snapshot {
  const named = Object.entries(versions).map(
    ([name, version]) => [name, { name, version, encoded: new Uint8Array() }] as const,
  );
  return { resources: new Map([[TYPE_URL.endpoints, new Map(named)]]) };
}

function acknowledge(
  ledger: Ledger,
  gateway: string,
  versions: Readonly<Record<string, string>>,
  gone: string[] = [],
): void {
  ledger.record(gateway, { kind: 'acknowledged', type: TYPE_URL.endpoints, versions: Object.entries(versions), gone });
}

function ledgerWith(...gateways: readonly string[]): Ledger {
  const ledger = new Ledger();
  for (const gateway of gateways) ledger.connect(gateway);
  return ledger;
}

test('it knows which gateways use exactly a version', () => {
  const ledger = ledgerWith('b', 'a', 'c');
  acknowledge(ledger, 'b', { x: '1' });
  acknowledge(ledger, 'a', { x: '1' });
  acknowledge(ledger, 'c', { x: '2' });
  assert.deepEqual(ledger.acknowledged(TYPE_URL.endpoints, 'x', '1'), ['a', 'b']);
  acknowledge(ledger, 'b', {}, ['x']);
  assert.deepEqual(ledger.acknowledged(TYPE_URL.endpoints, 'x', '1'), ['a']);
});

test('a standing counts what is in use, what is still to come and what was refused', () => {
  const ledger = ledgerWith('gw');
  acknowledge(ledger, 'gw', { a: '1', b: '1' });
  ledger.record('gw', { kind: 'refused', type: TYPE_URL.endpoints, name: 'c', version: '2', message: 'no' });
  assert.deepEqual(ledger.standing('gw', endpointsAt({ a: '1', b: '2', c: '2' })), {
    gateway: 'gw',
    connected: true,
    programmed: 1,
    pending: 1,
    refused: [{ type: TYPE_URL.endpoints, name: 'c', message: 'no' }],
  });
});

test('a refusal of content that is not wanted any more is not a refusal of what is', () => {
  const ledger = ledgerWith('gw');
  ledger.record('gw', { kind: 'refused', type: TYPE_URL.endpoints, name: 'c', version: '2', message: 'no' });
  const { pending, refused } = ledger.standing('gw', endpointsAt({ c: '3' }));
  assert.deepEqual([pending, refused], [1, []]);
});

test('a disconnected gateway keeps its page; a new stream begins a new one', () => {
  const ledger = ledgerWith('gw');
  acknowledge(ledger, 'gw', { x: '1' });
  ledger.disconnect('gw');
  assert.equal(ledger.version('gw', TYPE_URL.endpoints, 'x'), '1');
  assert.deepEqual([ledger.gateways, ledger.connected], [['gw'], []]);
  ledger.connect('gw');
  assert.equal(ledger.version('gw', TYPE_URL.endpoints, 'x'), undefined);
});

test('who waits for an acknowledgement is told when it comes, of any gateway or of one', async () => {
  const ledger = ledgerWith('a', 'b');
  const wanted = { type: TYPE_URL.endpoints, name: 'x', version: '1' };
  const any = ledger.whenAcked(wanted);
  let told = false;
  const one = ledger.whenAcked({ ...wanted, gateway: 'b' }).then(() => {
    told = true;
  });
  acknowledge(ledger, 'a', { x: '1' });
  await any;
  assert.equal(told, false);
  acknowledge(ledger, 'b', { x: '1' });
  await one;
});

test('waiting ends with the reason of its signal', async () => {
  const ledger = ledgerWith('a');
  const abort = new AbortController();
  const waiting = ledger.whenAcked({ type: TYPE_URL.endpoints, name: 'x', version: '1' }, abort.signal);
  abort.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(
    ledger.when(() => false, AbortSignal.abort(new Error('before'))),
    /before/,
  );
});
