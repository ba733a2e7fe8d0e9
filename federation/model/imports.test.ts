import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serviceKey } from './ids.ts';
import { importFilter, isImported, isImportEntry } from './imports.ts';
import { mergeState } from './merge.ts';
import type { FederationState } from './state.ts';
import { exampleService, exampleView, LIVE } from './testing/records.fixture.ts';

const SHOP = [exampleService({ namespace: 'shop', name: 'cart' }), exampleService({ namespace: 'shop', name: 'web' })];
const OTHER = exampleService({ namespace: 'other', name: 'web' });

function merged(imports: readonly string[] | undefined, own = exampleView('east', []), previous?: FederationState) {
  const west = exampleView('west', [...SHOP, OTHER]);
  const peers = new Map([[west.cluster, { view: west, liveness: LIVE, serving: true }]]);
  return mergeState({ self: own.cluster, own, peers, imports: importFilter(imports) }, previous);
}

function names(state: FederationState): string[] {
  return [...state.services.keys()];
}

describe('imports', () => {
  it('everything is imported where nothing is said', () => {
    assert.deepEqual(names(merged(undefined)), ['other/web', 'shop/cart', 'shop/web']);
  });

  it('an entry is a namespace or one service', () => {
    assert.deepEqual(names(merged(['shop'])), ['shop/cart', 'shop/web']);
    assert.deepEqual(names(merged(['shop/cart', 'other'])), ['other/web', 'shop/cart']);
    assert.deepEqual(names(merged([])), []);
    const filter = importFilter(['shop']);
    assert.equal(isImported(filter, serviceKey('shopping', 'web')), false);
    assert.deepEqual(['shop', 'shop/web', 'a/b/c', 'Shop', '', 'shop/'].map(isImportEntry), [
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('what the own cluster exports is merged in any case, with everybody who exports it', () => {
    const own = exampleView('east', [OTHER]);
    const state = merged(['shop/cart'], own);
    assert.deepEqual(names(state), ['other/web', 'shop/cart']);
    assert.deepEqual(
      state.services.get(serviceKey('other', 'web'))?.backends.map(({ cluster }) => cluster),
      ['east', 'west'],
    );
  });

  it('a service that is no longer exported here goes, unless it is imported', () => {
    const before = merged(['shop/cart'], exampleView('east', [OTHER]));
    assert.deepEqual(names(merged(['shop/cart'], exampleView('east', []), before)), ['shop/cart']);
  });

  it('another list is applied to what is known already, and the same list changes nothing', () => {
    const own = exampleView('east', []);
    const before = merged(['shop'], own);
    assert.deepEqual(names(merged(['other'], own, before)), ['other/web']);
    assert.equal(merged(['shop'], own, before).services, before.services);
  });
});
