import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Store, StoreFileError } from '../federation/store/contract.ts';
import { MemoryShelf, MemoryStore } from '../federation/store/memory.ts';
import { ManualClock } from '../runtime/clock.ts';
import { InvalidInputError } from '../runtime/errors.ts';
import { openStores } from './open-stores.ts';

const damaged = new StoreFileError('the file is damaged', { hint: 'move it away' });

function opening(failures: Readonly<Record<string, Error>>): (url: string) => Promise<Store> {
  return (url) => {
    const failure = failures[url];
    const store = new MemoryStore({ clock: new ManualClock() }, { shelf: new MemoryShelf() });
    return failure === undefined ? Promise.resolve(store) : Promise.reject(failure);
  };
}

test('stores are opened in the order of the list', async () => {
  const { stores, findings } = await openStores(opening({}), { urls: ['memory:a', 'memory:b'], needsFirst: true });
  assert.deepEqual(
    stores.map(({ name }) => name),
    ['memory:a', 'memory:b'],
  );
  assert.deepEqual(findings, []);
});

test('one that cannot be used is left out, named, and says what to do', async () => {
  const { stores, findings } = await openStores(opening({ 'embedded:a': damaged }), {
    urls: ['embedded:a', 'memory:b'],
    needsFirst: false,
  });
  assert.deepEqual(
    stores.map(({ name }) => name),
    ['memory:b'],
  );
  assert.deepEqual(
    findings.map(({ severity, reason, hint }) => [severity, reason, hint]),
    [['error', 'StoreUnusable', 'move it away']],
  );
  assert.match(findings[0]?.message ?? '', /embedded:a is left out: the file is damaged/);
});

test('when none is left, the start ends with what the first one said', async () => {
  const failures = { 'embedded:a': damaged, 'embedded:b': new StoreFileError('another', { hint: '' }) };
  await assert.rejects(
    openStores(opening(failures), { urls: ['embedded:a', 'embedded:b'], needsFirst: false }),
    damaged,
  );
});

test('where the first one holds leases, it must be there', async () => {
  const broken = opening({ 'embedded:a': damaged });
  await assert.rejects(openStores(broken, { urls: ['embedded:a', 'memory:b'], needsFirst: true }), damaged);
});

test('an address that makes no sense ends the start although others are good', async () => {
  const invalid = new InvalidInputError('store address', []);
  await assert.rejects(
    openStores(opening({ 'x:b': invalid }), { urls: ['memory:a', 'x:b'], needsFirst: false }),
    invalid,
  );
});
