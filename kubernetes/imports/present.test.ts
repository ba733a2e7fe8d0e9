import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSliceObject, ServiceObject } from '../api/objects.ts';
import { SERVICES } from '../api/resources.ts';
import { derivedName } from './names.ts';
import { PresentIndex } from './present.ts';
import { planImports } from './plan.ts';
import { merged, SHOP, wanted } from './testing/imports.fixture.ts';

const NAME = derivedName(SHOP);
const LABELS = { 'app.kubernetes.io/managed-by': 'isthmus', 'isthmus.dev/service-import': 'web' };

function derived(name = NAME, labels: Readonly<Record<string, string>> = LABELS): ServiceObject {
  return {
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, labels },
    spec: { clusterIPs: ['10.96.0.9'], ipFamilies: ['IPv4'] },
  };
}

function slice(name: string, labels: Readonly<Record<string, string>> = LABELS): EndpointSliceObject {
  return { metadata: { namespace: 'shop', name, uid: `uid-${name}`, labels }, addressType: 'IPv4', endpoints: [] };
}

test('a copy of a derived Service does not take its place, neither when it comes nor when it goes', () => {
  const index = new PresentIndex();
  index.update({ services: new Map([[`shop/${NAME}`, derived()]]) });
  index.update({ services: new Map([['shop/copy', derived('copy')]]) });
  assert.equal(index.byService.get(SHOP)?.service?.metadata.name, NAME);
  const plan = planImports({ ...wanted([merged()]), present: index.byService });
  assert.deepEqual(
    plan.services.get(SHOP)?.surplus.map(({ ref }) => ref.name),
    ['copy'],
  );
  index.update({ services: new Map([['shop/copy', undefined]]) });
  assert.equal(index.byService.get(SHOP)?.service?.metadata.name, NAME);
  assert.equal(index.byService.get(SHOP)?.strays, undefined);
});

test('a derived Service whose label a user edits still stands for its import', () => {
  const index = new PresentIndex();
  index.update({ services: new Map([[`shop/${NAME}`, derived()]]) });
  for (const labels of [{}, { 'isthmus.dev/service-import': 'other' }]) {
    index.update({ services: new Map([[`shop/${NAME}`, derived(NAME, labels)]]) });
    assert.deepEqual([...index.byService.keys()], [SHOP]);
    assert.deepEqual(index.byService.get(SHOP)?.service?.metadata.labels, labels);
  }
});

test('a deletion, which brings no labels, takes the object from its service', () => {
  const index = new PresentIndex();
  const name = `${NAME}.ipv4`;
  index.update({
    services: new Map([[`shop/${NAME}`, derived()]]),
    slices: new Map([[`shop/${name}`, slice(name)]]),
  });
  assert.equal(index.byService.get(SHOP)?.slices.size, 1);
  index.update({ slices: new Map([[`shop/${name}`, undefined]]) });
  assert.equal(index.byService.get(SHOP)?.slices.size, 0);
  index.update({ services: new Map([[`shop/${NAME}`, undefined]]) });
  assert.equal(index.byService.size, 0);
});

test('services that nothing is new of stay the same objects', () => {
  const index = new PresentIndex();
  index.update({ services: new Map([[`shop/${NAME}`, derived()]]) });
  const before = index.byService.get(SHOP);
  index.update({ imports: new Map([['shop/other', { metadata: { namespace: 'shop', name: 'other' } }]]) });
  assert.equal(index.byService.get(SHOP), before);
});

test('a ServiceImport with a name that no Service can have is known by name, and belongs to no service', () => {
  const index = new PresentIndex();
  const refs = index.update({
    imports: new Map([['shop/a.b', { metadata: { namespace: 'shop', name: 'a.b' } }]]),
  });
  assert.equal(index.byService.size, 0);
  assert.deepEqual(
    refs.map(({ name }) => name),
    ['a.b'],
  );
  assert.ok(refs.every((ref) => index.find(ref) !== undefined));
  assert.equal(index.find({ resource: SERVICES, namespace: 'shop', name: 'a.b' }), undefined);
});
