import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseClusterId, serviceKey } from '../../federation/model/ids.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import type { ObjectKey } from '../api/objects.ts';
import type { ExportChanges } from './export-index.ts';
import { ExportIndex } from './export-index.ts';
import type { SlimGrant } from '../../federation/model/export-grants.ts';
import type { NamespaceState, SlimExport, SlimService } from './projections.ts';
import type { SlimSlice } from './slice-projection.ts';

const PORTS: SlimService['ports'] = [{ name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' }];

function service(fields: Partial<SlimService> = {}): SlimService {
  return {
    type: 'ClusterSetIP',
    leaving: false,
    ports: PORTS,
    notCarried: [],
    families: ['IPv4'],
    sessionAffinity: 'None',
    ...fields,
  };
}

function wanted(fields: Partial<SlimExport> = {}): SlimExport {
  return { uid: 'u', generation: 1, exportedAtMs: 1_000, leaving: false, labels: {}, annotations: {}, ...fields };
}

function slice(of: ObjectKey, addresses: readonly string[], port = 8080): SlimSlice {
  return {
    service: of,
    family: 'IPv4',
    endpoints: addresses.map((address) => ({ address, ready: true, hostname: undefined, zone: undefined })),
    ports: [{ name: 'http', port }],
  };
}

function one<T>(key: ObjectKey, value: T | undefined): ReadonlyMap<ObjectKey, T | undefined> {
  return new Map([[key, value]]);
}

const SHOP = serviceKey('default', 'shop');

test('an export needs both objects, in whatever order they come and go', () => {
  const index = new ExportIndex();
  index.update({ exports: one(SHOP, wanted()) });
  assert.equal(index.settle().view.services.size, 0);
  index.update({ services: one(SHOP, service()), slices: one('default/shop-1', slice(SHOP, ['10.0.0.1'])) });
  assert.deepEqual(index.settle().view.services.get(SHOP)?.endpoints, [
    { address: '10.0.0.1', ports: { 80: 8080 }, ready: true },
  ]);
  index.update({ services: one(SHOP, undefined) });
  assert.equal(index.settle().view.services.size, 0);
  assert.equal(index.settle().exports.get(SHOP)?.outcome, 'invalid');
  index.update({ exports: one(SHOP, undefined) });
  assert.equal(index.settle().exports.size, 0);
});

test('a Service that nobody exports is nobody’s business', () => {
  const index = new ExportIndex();
  index.update({ services: one(SHOP, service()), slices: one('default/shop-1', slice(SHOP, ['10.0.0.1'])) });
  assert.equal(index.settle().exports.size, 0);
  assert.equal(index.judged, 0);
});

test('a slice that is handed to another Service leaves the first', () => {
  const other = serviceKey('default', 'other');
  const index = new ExportIndex();
  index.update({
    services: new Map([
      [SHOP, service()],
      [other, service()],
    ]),
    exports: new Map([
      [SHOP, wanted()],
      [other, wanted()],
    ]),
    slices: one('default/s-1', slice(SHOP, ['10.0.0.1'])),
  });
  index.settle();
  index.update({ slices: one('default/s-1', slice(other, ['10.0.0.1'])) });
  const { services } = index.settle().view;
  assert.equal(services.get(SHOP)?.endpoints.length, 0);
  assert.equal(services.get(other)?.endpoints.length, 1);
});

test('what did not change keeps its identity, down to the whole state', () => {
  const index = new ExportIndex();
  const keys = ['a', 'b', 'c'].map((name) => serviceKey('default', name));
  index.update({
    services: new Map(keys.map((key) => [key, service()])),
    exports: new Map(keys.map((key) => [key, wanted()])),
  });
  const before = index.settle();
  assert.equal(index.settle(), before);
  index.update({ services: one('default/a', service()) });
  assert.equal(index.settle(), before);
  index.update({ exports: one('default/a', wanted({ generation: 2 })) });
  const renewed = index.settle();
  assert.notEqual(renewed, before);
  assert.equal(renewed.view, before.view, 'a new generation alone is no news for others');
  index.update({ slices: one('default/a-1', slice('default/a', ['10.0.0.1'])) });
  const after = index.settle();
  assert.deepEqual(SortedMap.changedKeys(SortedMap.from(before.view.services), SortedMap.from(after.view.services)), [
    'default/a',
  ]);
});

test('a change judges the exports that it touches and no others', () => {
  const index = new ExportIndex();
  const keys = Array.from({ length: 1_000 }, (_, at) => serviceKey(`ns-${at % 10}`, `s-${at}`));
  index.update({
    services: new Map(keys.map((key) => [key, service()])),
    exports: new Map(keys.map((key) => [key, wanted()])),
    slices: new Map(keys.map((key, at) => [`${key}-1`, slice(key, [`10.0.${at >> 8}.${at & 255}`])])),
  });
  index.settle();
  const work = (changes: ExportChanges): number => {
    const before = index.judged;
    index.update(changes);
    index.settle();
    return index.judged - before;
  };
  const [key = SHOP] = keys;
  assert.equal(work({ slices: one(`${key}-1`, slice(key, ['10.9.0.1'])) }), 1);
  assert.equal(work({ services: one(key, service({ sessionAffinity: 'ClientIP' })) }), 1);
  assert.equal(work({ services: one('ns-0/not-exported', service()) }), 0);
  assert.equal(work({ grants: one('ns-3/g', { name: 'g', clusters: [parseClusterId('east')] }) }), 100);
  assert.equal(work({ namespaces: one('ns-3', 'terminating') }), 100);
  assert.equal(work({ namespaces: one('elsewhere', 'terminating') }), 0);
});

const NAMES = ['a', 'b', 'c', 'd.v1'];
const key = fc
  .tuple(fc.constantFrom('n1', 'n2'), fc.constantFrom(...NAMES))
  .map(([namespace, name]) => `${namespace}/${name}`);
const gone = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 3 });
const changes: fc.Arbitrary<ExportChanges> = fc.oneof(
  fc
    .tuple(
      key,
      gone(
        fc.constantFrom<SlimService>(
          service(),
          service({ type: 'ExternalName' }),
          service({ type: 'Headless' }),
          service({ leaving: true }),
        ),
      ),
    )
    .map(([at, value]) => ({ services: one(at, value) })),
  fc
    .tuple(
      key,
      gone(
        fc.constantFrom<SlimExport>(wanted(), wanted({ generation: 2, labels: { a: 'b' } }), wanted({ leaving: true })),
      ),
    )
    .map(([at, value]) => ({ exports: one(at, value) })),
  fc
    .tuple(
      key,
      fc.constantFrom('1', '2', '3'),
      gone(fc.tuple(fc.uniqueArray(fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3')), fc.constantFrom(8080, 8081))),
      key,
    )
    .map(([at, number, value, of]) => ({ slices: one(`${at}-${number}`, value && slice(of, value[0], value[1])) })),
  fc
    .tuple(fc.constantFrom('n1', 'n2'), gone(fc.constantFrom<NamespaceState>('active', 'terminating')))
    .map(([at, value]) => ({ namespaces: one(at, value) })),
  fc
    .tuple(
      fc.constantFrom('n1/g1', 'n1/g2', 'n2/g1'),
      gone(
        fc.constantFrom<SlimGrant>(
          { name: 'g', clusters: [parseClusterId('east')] },
          { name: 'g', services: ['a'], clusters: [] },
          { name: 'g', services: ['b'], clusters: [parseClusterId('west')], refused: 'no' },
        ),
      ),
    )
    .map(([at, value]) => ({ grants: one(at, value) })),
);

test('any sequence of changes, settled anywhere in between, ends where all objects at once would', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(changes, fc.boolean()), { maxLength: 60 }), (steps) => {
      const index = new ExportIndex();
      const last = new Map<string, ExportChanges>();
      for (const [change, settles] of steps) {
        index.update(change);
        const [[kind, values] = ['', new Map<string, unknown>()]] = Object.entries(change);
        // Deleted and set again: the order of first arrival must not matter either.
        const at = `${kind} ${[...values.keys()].join()}`;
        last.delete(at);
        last.set(at, change);
        if (settles) index.settle();
      }
      const whole = new ExportIndex();
      for (const change of [...last.values()].toReversed()) whole.update(change);
      const [found, expected] = [index.settle(), whole.settle()];
      assert.deepEqual([...found.view.services], [...expected.view.services]);
      assert.deepEqual([...found.exports], [...expected.exports]);
      for (const exported of found.view.services.values())
        assert.ok(found.exports.get(exported.key)?.outcome === 'exported');
    }),
    { numRuns: 150 },
  );
});
