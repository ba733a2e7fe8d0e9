import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ServiceKey, serviceKey } from '../../federation/model/ids.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import type { EndpointSliceObject, ServiceImportObject, ServiceObject } from '../api/objects.ts';
import type { ImportsInput } from './input.ts';
import { derivedName, splitKey } from './names.ts';
import { type ImportsPlan, planImports } from './plan.ts';
import { PresentIndex } from './present.ts';
import { backend, EAST, GATEWAYS, localService, merged, SITE, wanted } from './testing/imports.fixture.ts';

/** A step changes one part of the input and leaves the others the same objects, as news does. */
const NAMESPACES = ['shop', 'bank'];
const KEYS = NAMESPACES.flatMap((namespace) => ['a', 'b'].map((name) => serviceKey(namespace, name)));
const OURS = { 'app.kubernetes.io/managed-by': 'isthmus' };

class World {
  readonly index = new PresentIndex();
  input: ImportsInput = { ...wanted([]), present: this.index.byService };

  edit(change: Partial<ImportsInput>): void {
    this.input = { ...this.input, ...change, present: this.index.byService };
  }
}

type Edit = (world: World, key: ServiceKey, variant: number) => void;

const EDITS: Readonly<Record<string, Edit>> = {
  service: (world, key, variant) => {
    const variants = [
      undefined,
      merged({ key }),
      merged({ key, type: 'Headless' }),
      merged({ key, backends: [backend({ cluster: EAST }), backend({ ready: [] })] }),
    ];
    const services = SortedMap.from(world.input.services).with(new Map([[key, variants[variant]]]));
    world.edit({ services });
  },
  local: (world, key, variant) => {
    const { namespace, name } = splitKey(key);
    const value = variant === 0 ? undefined : localService({ key, namespace, name, exported: variant > 1 });
    world.edit({ local: SortedMap.from(world.input.local).with(new Map([[key, value]])) });
  },
  import: (world, key, variant) => {
    const metadata = { ...splitKey(key), uid: `uid-${variant}`, ...(variant === 3 ? {} : { labels: OURS }) };
    const object: ServiceImportObject | undefined = variant === 0 ? undefined : { metadata };
    world.index.update({ imports: new Map([[key, object]]) });
    world.edit({});
  },
  derived: (world, key, variant) => {
    const { namespace, name: label } = splitKey(key);
    const name = variant === 3 ? 'copy' : derivedName(key);
    const labels = { ...OURS, 'isthmus.dev/service-import': label };
    const object: ServiceObject = {
      metadata: { namespace, name, uid: `uid-${name}`, labels },
      spec: variant === 1 ? {} : { clusterIPs: ['10.96.0.9'], ipFamilies: ['IPv4'] },
    };
    world.index.update({ services: new Map([[`${namespace}/${name}`, variant === 0 ? undefined : object]]) });
    world.edit({});
  },
  slice: (world, key, variant) => {
    const { namespace, name: label } = splitKey(key);
    const name = `${derivedName(key)}.${variant > 1 ? 'ipv4' : 'old'}`;
    const metadata = { namespace, name, uid: `uid-${name}`, labels: { ...OURS, 'isthmus.dev/service-import': label } };
    const object: EndpointSliceObject = { metadata, addressType: 'IPv4', endpoints: [] };
    const slices = new Map([[`${namespace}/${name}`, variant % 2 === 0 ? undefined : object]]);
    world.index.update({ slices });
    world.edit({});
  },
  namespace: (world, key, variant) => {
    const namespaces = new Map(world.input.namespaces);
    const { namespace } = splitKey(key);
    if (variant === 0) namespaces.delete(namespace);
    else namespaces.set(namespace, variant === 1 ? 'terminating' : 'active');
    world.edit({ namespaces });
  },
  port: (world, key, variant) => {
    const ports = new Map(world.input.ports);
    for (const [port] of wanted([merged({ key })]).ports) {
      if (variant === 0) ports.delete(port);
      else ports.set(port, 20_000 + variant);
    }
    world.edit({ ports });
  },
  trouble: (world, key, variant) => {
    const troubles = new Map(world.input.troubles);
    if (variant < 2) troubles.delete(key);
    else troubles.set(key, 'quota');
    world.edit({ troubles });
  },
  gateways: (world, _key, variant) => world.edit({ gateways: GATEWAYS.slice(0, variant) }),
  complete: (world, _key, variant) => world.edit({ complete: variant > 0 }),
  site: (world, _key, variant) => world.edit({ site: { ...SITE, directPods: variant > 1 } }),
};

const STEP = fc.record({
  kind: fc.constantFrom(...Object.keys(EDITS)),
  key: fc.constantFrom(...KEYS),
  variant: fc.nat({ max: 3 }),
});

/** All is there from the start, so that steps meet imports that are whole. */
function worldOf(namespaces: readonly string[]): World {
  const world = new World();
  world.edit({ namespaces: new Map(namespaces.map((name) => [name, 'active'])) });
  for (const key of KEYS)
    for (const kind of ['service', 'port', 'derived']) EDITS[kind]?.(world, key, kind === 'derived' ? 2 : 1);
  return world;
}

test('a plan that follows single changes equals the plan from scratch, and is the same when nothing changes', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 30 }), (steps) => {
      const world = worldOf(NAMESPACES);
      let plan: ImportsPlan = planImports(world.input);
      for (const { kind, key, variant } of steps) {
        EDITS[kind]?.(world, key, variant);
        plan = planImports(world.input, plan);
        assert.deepEqual([...plan.services], [...planImports(world.input).services], `after ${kind} ${key} ${variant}`);
        const again = planImports({ ...world.input }, plan);
        assert.equal(again.services, plan.services);
        assert.deepEqual(again.touched, []);
      }
    }),
    { numRuns: 150 },
  );
});

test('a change of one service looks at that service alone', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('service', 'local', 'import', 'derived', 'slice', 'port', 'trouble'),
      fc.constantFrom(...KEYS),
      fc.nat({ max: 3 }),
      (kind, key, variant) => {
        const world = worldOf(NAMESPACES);
        const before = planImports(world.input);
        EDITS[kind]?.(world, key, variant);
        assert.ok(planImports(world.input, before).touched.every((touched) => touched === key));
      },
    ),
    { numRuns: 60 },
  );
});
