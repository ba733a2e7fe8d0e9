import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ServiceKey, serviceKey } from '../../federation/model/ids.ts';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { objectKey, type KubeObject, type ServiceImportObject } from '../api/objects.ts';
import { pathOf } from '../api/resources.ts';
import { Applier } from '../apply/applier.ts';
import { isApplied } from '../apply/differs.ts';
import { ImportsWriter, type ImportsWanted } from './imports-writer.ts';
import { PresentIndex } from './present.ts';
import { backend, merged, wanted } from './testing/imports.fixture.ts';
import { SmallServer } from './testing/small-server.fixture.ts';

/** Longer than any retry waits. */
const LONG_MS = 600_000;
const KEYS = [0, 1, 2].map((number) => serviceKey('shop', `s-${number}`));

class World {
  readonly clock = new ManualClock();
  readonly server: SmallServer;
  readonly index = new PresentIndex();
  readonly applier: Applier;
  readonly writer: ImportsWriter;
  leads = true;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.server = new SmallServer(random);
    this.applier = new Applier(
      {
        transport: this.server,
        present: (ref) => this.index.find(ref),
        mayWrite: () => this.leads,
        clock: this.clock,
        random,
        log: silentLogger,
        metrics: new Metrics(),
      },
      { concurrency: 3 },
    );
    this.writer = new ImportsWriter({ applier: this.applier, present: this.index });
  }

  want(exported: readonly number[], ready: number): ImportsWanted {
    const services = exported.map(
      (number) => merged({ key: KEYS[number] as ServiceKey, backends: [backend({ ready: [{ port: 80, ready }] })] }), // 0 to 2
    );
    return wanted(services, { namespaces: new Map([['shop', 'active']]) });
  }

  tell(count: number): void {
    for (const { path, object } of this.server.news.splice(0, count)) {
      const kind = path.split('/').at(-2) ?? '';
      const news = new Map([[`shop/${path.split('/').at(-1)}`, object]]);
      const part = { serviceimports: 'imports', services: 'services', endpointslices: 'slices' }[kind] ?? '';
      this.writer.observe({ [part]: news });
    }
  }

  async settle(): Promise<void> {
    this.server.failsOf = 0;
    for (let round = 0; round < 12; round += 1) {
      this.tell(this.server.news.length);
      await this.clock.advance(LONG_MS);
      await this.applier.settled();
    }
  }
}

const STEP = fc.oneof(
  fc.record({
    kind: fc.constant('want' as const),
    exported: fc.uniqueArray(fc.nat({ max: 2 }), { maxLength: 3 }),
    ready: fc.nat({ max: 2 }),
  }),
  fc.record({ kind: fc.constant('tell' as const), count: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  fc.record({ kind: fc.constant('fail' as const), of: fc.constantFrom(0, 0.3, 0.9) }),
  fc.record({ kind: fc.constant('delete' as const), which: fc.nat({ max: 20 }) }),
  fc.record({ kind: fc.constant('edit' as const), which: fc.nat({ max: 20 }) }),
  fc.record({ kind: fc.constant('lead' as const), leads: fc.boolean() }),
);
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;

/** Each once ended wrong. */
const HISTORIES: readonly (readonly Step[])[] = [
  // Another word while the write of the one before is under way.
  [
    { kind: 'want', exported: [0], ready: 0 },
    { kind: 'want', exported: [0], ready: 1 },
  ],
  // The news that an object is gone comes before the answer to the write that made it.
  [
    { kind: 'want', exported: [0, 1], ready: 0 },
    { kind: 'delete', which: 0 },
  ],
  // Nobody wants any more what could not be written.
  [
    { kind: 'fail', of: 0.9 },
    { kind: 'want', exported: [0], ready: 0 },
    { kind: 'wait', ms: 1 },
    { kind: 'want', exported: [], ready: 0 },
  ],
];

async function run(world: World, step: Step): Promise<void> {
  const { server } = world;
  const pathAt = (which: number): string => [...server.objects.keys()][which % Math.max(1, server.objects.size)] ?? '';
  switch (step.kind) {
    case 'want':
      world.writer.update(world.want(step.exported, step.ready));
      return;
    case 'tell':
      world.tell(step.count);
      return;
    case 'wait':
      await world.clock.advance(step.ms);
      return;
    case 'fail':
      server.failsOf = step.of;
      return;
    case 'delete':
      server.delete(pathAt(step.which));
      return;
    case 'edit':
      server.edit(pathAt(step.which));
      return;
    case 'lead':
      world.leads = step.leads;
      if (step.leads) world.applier.recheckAll();
  }
}

test('whatever fails, is edited, deleted or told late, the objects end as they shall be, and none when nothing is imported', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 40 }), fc.integer(), async (steps, seed) => {
      const world = new World(seed);
      for (const step of steps) await run(world, step);
      world.leads = true;
      world.applier.recheckAll();
      world.writer.update(world.want([0, 2], 1));
      await world.settle();
      assertWhole(world);
      world.writer.update(world.want([], 0));
      await world.settle();
      assert.deepEqual([...world.server.objects.keys()], []);
      world.applier.close();
    }),
    { numRuns: 20, examples: HISTORIES.map((steps) => [[...steps], 0]) },
  );
});

function assertWhole({ writer, server, applier }: World): void {
  const paths = new Set<string>();
  for (const plan of writer.plan?.services.values() ?? []) {
    for (const { ref, manifest } of plan.desired) {
      const path = pathOf(ref.resource, ref);
      paths.add(path);
      const object: KubeObject | undefined = server.objects.get(path);
      assert.ok(
        object !== undefined && manifest !== undefined && isApplied(manifest, object),
        `${path} is not as it shall be`,
      );
    }
  }
  assert.deepEqual([...server.objects.keys()].sort(), [...paths].sort());
  assert.equal(paths.size, 8);
  assert.equal(applier.problems.size, 0);
  for (const object of server.objects.values()) {
    if (object.kind !== 'ServiceImport') continue;
    const { status } = object as ServiceImportObject;
    assert.deepEqual(
      status?.conditions?.map(({ reason }) => reason),
      ['Ready'],
      objectKey(object),
    );
  }
}
