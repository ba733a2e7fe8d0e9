import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { failoverOf } from '../federation/model/failover-order.ts';
import { serviceKey } from '../federation/model/ids.ts';
import { MemoryShelf, MemoryStore } from '../federation/store/memory.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { SystemRandom } from '../runtime/random.ts';
import { DOMAIN, EAST, makeClusterset, rosterMember } from '../trust/clusterset.fixture.ts';
import { signRoster } from '../trust/roster.ts';
import { loadConfig } from './config/load.ts';
import { Controller } from './controller.ts';
import type { Derived } from './derive.ts';
import { saveSiteTrust } from './site-trust.ts';
import { stateFolder } from './state-folder.ts';

const components = {
  clock: new SystemClock(),
  random: new SystemRandom(),
  log: silentLogger,
  metrics: new Metrics(),
};
const HEAD = 'apiVersion: isthmus.dev/v1alpha1\n';
const cart = serviceKey('default', 'cart');

/** The Site, with what it decides in the same file. */
function siteFile(stateDir: string, decisions: string): string {
  const site = `${HEAD}kind: Site\nmetadata: {name: ${EAST}}\n`;
  return `${site}spec: {clusterset: ${DOMAIN}, network: lan, store: ['memory:one'], stateDir: ${stateDir}, imports: [site]}\n${decisions}`;
}

const CART = `---\n${HEAD}kind: Service\nmetadata: {name: cart}\nspec: {export: true, ports: [{port: 80}]}\n`;
const GRANT = `---\n${HEAD}kind: ExportGrant\nmetadata: {name: g}\nspec: {to: [{cluster: west}]}\n`;
const POLICY = `---\n${HEAD}kind: FailoverPolicy\nmetadata: {name: p}\nspec: {order: [{cluster: west}]}\n`;
const TAKEN = `---\n${HEAD}kind: ClusterSet\nmetadata: {name: default}\nspec: {imports: [set], importPins: [{namespace: a, clusters: [west]}]}\n`;

function decidedIn({ world, own }: Derived): unknown {
  return {
    order: failoverOf(world.failover, cart)?.places,
    pins: [...(world.pins ?? [])],
    imports: [...(world.imports?.namespaces ?? [])],
    grantedTo: world.local.services.get(cart)?.grantedTo,
    isPublished: own.records.has(`service/${cart}`),
  };
}

/** A lost change would be waited for without end. */
const TIMEOUT = { timeout: 60_000 };

test(
  'what files decide is in force at once, follows the files, and gives way to the Site when it goes',
  TIMEOUT,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'isthmus-decisions-'));
    await using owned = new AsyncDisposableStack();
    owned.defer(() => rm(folder, { recursive: true, force: true }));
    const stateDir = join(folder, 'state');
    const { root, rootKey, east, roster } = makeClusterset(components.clock.epochMs());
    const members = [rosterMember(east, components.clock.epochMs())];
    const rosterBytes = signRoster(rootKey, { ...roster, members });
    await saveSiteTrust(stateFolder(stateDir), { caKey: east.caKey, clusterCa: east.ca, roots: [root], rosterBytes });
    const file = join(folder, 'site.yaml');
    await writeFile(file, siteFile(stateDir, CART + GRANT + POLICY + TAKEN));
    const loaded = await loadConfig({ file, env: {}, flags: {} });
    assert.ok(loaded.ok);
    const shelf = new MemoryShelf();
    const controller = await Controller.start(loaded.config, {
      ...components,
      lookup: () => Promise.resolve([]),
      openStore: () => Promise.resolve(new MemoryStore(components, { shelf })),
    });
    owned.defer(() => controller.close());
    const whole = {
      order: [{ kind: 'cluster', cluster: 'west' }],
      pins: [['a', ['west']]],
      imports: ['set'],
      grantedTo: ['west'],
      isPublished: true,
    };
    assert.deepEqual(decidedIn(controller.engine.derived), whole);
    const derived = (fact: (now: Derived) => boolean): Promise<void> =>
      new Promise((resolve) => {
        const undo = controller.onDerived.add((now) => {
          if (!fact(now)) return;
          undo();
          resolve();
        });
      });
    const turned = derived(({ world }) => failoverOf(world.failover, cart)?.places[0]?.kind === 'region');
    await writeFile(file, siteFile(stateDir, CART + GRANT + POLICY.replace('cluster: west', 'region: eu') + TAKEN));
    await turned;
    const bare = derived(({ world }) => world.pins === undefined);
    await writeFile(file, siteFile(stateDir, CART));
    await bare;
    const nothing = { order: undefined, pins: [], imports: ['site'], grantedTo: undefined, isPublished: true };
    assert.deepEqual(decidedIn(controller.engine.derived), nothing);
  },
);
