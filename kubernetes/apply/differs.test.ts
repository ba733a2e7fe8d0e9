import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SERVICES } from '../api/resources.ts';
import { APPLIED_ANNOTATION, isOurs, sealManifest } from './desired.ts';
import { covers, isApplied } from './differs.ts';

const REF = { resource: SERVICES, namespace: 'shop', name: 'web' };

test('fields that nobody asked for make no difference', () => {
  assert.ok(covers({ a: 1, b: 2 }, { a: 1 }));
  assert.ok(covers({ a: [{ port: 80, protocol: 'TCP' }] }, { a: [{ port: 80 }] }));
});

test('a wanted field that is missing, other, shorter or longer makes a difference', () => {
  assert.ok(!covers({}, { a: 1 }));
  assert.ok(!covers({ a: 2 }, { a: 1 }));
  assert.ok(!covers({ a: [1] }, { a: [1, 2] }));
  assert.ok(!covers({ a: [1, 2] }, { a: [1] }));
  assert.ok(!covers({ a: 'x' }, { a: { b: 1 } }));
  assert.ok(!covers(undefined, { a: 1 }));
});

test('an empty value equals a missing one, and differs from a filled one', () => {
  assert.ok(covers({}, { selector: {}, list: [] }));
  assert.ok(covers({ list: null }, { list: [] }));
  assert.ok(!covers({ selector: { app: 'mine' } }, { selector: {} }));
  assert.ok(!covers({ list: [1] }, { list: [] }));
});

test('a field that is wanted no more shows in the hash, as the object alone would not tell', () => {
  const rich = sealManifest(REF, { labels: { tier: 'front' }, fields: { spec: { type: 'ClusterIP' } } });
  const plain = sealManifest(REF, { fields: { spec: { type: 'ClusterIP' } } });
  const present = rich.body;
  assert.ok(isApplied(rich, present));
  assert.ok(!isApplied(plain, present));
});

test('an item of a list, which does not say its kind, is as applied as any', () => {
  const manifest = sealManifest(REF, { fields: { spec: {} } });
  const { metadata } = manifest.body;
  assert.ok(isApplied(manifest, { metadata }));
});

test('the order of labels does not change the hash', () => {
  const hashOf = (labels: Readonly<Record<string, string>>): string => sealManifest(REF, { labels, fields: {} }).hash;
  assert.equal(hashOf({ a: '1', b: '2' }), hashOf({ b: '2', a: '1' }));
  assert.notEqual(hashOf({ a: '1', b: '2' }), hashOf({ a: '2', b: '1' }));
});

test('one of our two marks is enough to know an object for ours', () => {
  const named = { namespace: 'shop', name: 'web' };
  assert.ok(isOurs({ metadata: { ...named, labels: { 'app.kubernetes.io/managed-by': 'isthmus' } } }));
  assert.ok(isOurs({ metadata: { ...named, annotations: { [APPLIED_ANNOTATION]: 'x' } } }));
  assert.ok(!isOurs({ metadata: { ...named, labels: { 'app.kubernetes.io/managed-by': 'Helm' } } }));
});
