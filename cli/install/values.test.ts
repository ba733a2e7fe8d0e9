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

test('an authority serves a store unless it is told not to, or has another, whatever else is said of the server', async () => {
  const flags = { ...NAMES, authority: true };
  const served = async (...set: string[]): Promise<boolean> =>
    (await installValues({ set, flags })).storeServer.enabled;
  assert.equal(await served(), true);
  assert.equal(await served('storeServer.service.type=NodePort', 'joinStore=redis://r'), true);
  assert.equal(await served('storeServer.enabled=false'), false);
  assert.equal(await served('store=[redis://r]'), false);
  assert.equal((await installValues({ set: [], flags: NAMES })).storeServer.enabled, false);
});

test('a flag leaves what it does not speak of', async () => {
  const flags = { ...NAMES, image: { repository: 'r', tag: '9' } };
  const { image } = await installValues({ set: ['image.pullPolicy=Never'], flags });
  assert.deepEqual([image.repository, image.tag, image.pullPolicy], ['r', '9', 'Never']);
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
