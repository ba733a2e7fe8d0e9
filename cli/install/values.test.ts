import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidInputError } from '../../runtime/errors.ts';
import { UsageError } from '../exit.ts';
import { installValues } from './values.ts';

const NAMES = { cluster: 'east', clusterset: 'prod.example.org' };

test('two names are enough, and everything else has a default', async () => {
  const values = await installValues({ set: [], flags: NAMES });
  assert.equal(values.controller.replicas, 2);
  assert.equal(values.gateway.replicas, 2);
  assert.equal(values.networkPolicy.enabled, true);
});

test('what is missing is named with the flag that gives it', async () => {
  await assert.rejects(installValues({ set: [], flags: {} }), (error) => {
    assert.ok(error instanceof InvalidInputError);
    assert.deepEqual(
      error.findings.map(({ field, hint }) => [field, hint]),
      [
        ['cluster', 'give --cluster'],
        ['clusterset', 'give --clusterset'],
      ],
    );
    return true;
  });
});

test('assignments reach into the tree and are typed as YAML is', async () => {
  const set = [
    'gateway.service.type=NodePort',
    'gateway.service.nodePort=30443',
    'podCIDRs=[10.1.0.0/16]',
    'dns.enabled=false',
  ];
  const values = await installValues({ set, flags: NAMES });
  assert.deepEqual([values.gateway.service.type, values.gateway.service.nodePort], ['NodePort', 30_443]);
  assert.deepEqual(values.podCIDRs, ['10.1.0.0/16']);
  assert.equal(values.dns.enabled, false);
});

test('a value that nobody knows, or that is out of range, is refused by its path', async () => {
  const set = ['gateway.replica=2', 'controller.replicas=0'];
  await assert.rejects(installValues({ set, flags: NAMES }), (error) => {
    assert.ok(error instanceof InvalidInputError);
    assert.deepEqual(error.findings.map(({ field }) => String(field)).toSorted(), ['controller.replicas', 'gateway']);
    return true;
  });
});

test('an assignment that is none, or reaches for a prototype, is wrong usage', async () => {
  for (const wrong of ['replicas', '=1', '__proto__.x=1', 'a..b=1']) {
    await assert.rejects(installValues({ set: [wrong], flags: NAMES }), UsageError, wrong);
  }
});
