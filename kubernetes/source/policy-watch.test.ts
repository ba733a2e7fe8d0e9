import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { failoverOf } from '../../federation/model/failover-order.ts';
import { serviceKey } from '../../federation/model/ids.ts';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import type { ObjectKey } from '../api/objects.ts';
import type { SpecObject } from '../kinds/read.ts';
import { PolicyWatch } from './policy-watch.ts';
import type { Reflected } from './reflected.ts';

/** What an API server would tell, at the test's word. */
class Told implements Reflected<SpecObject> {
  readonly objects = new Map<ObjectKey, SpecObject>();
  readonly findings = [];
  readonly #listeners = new Set<Parameters<Reflected<SpecObject>['onChange']>[0]>();
  synced = false;
  absent = false;

  onChange(listener: Parameters<Reflected<SpecObject>['onChange']>[0]): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell({ absent = false }: { readonly absent?: boolean } = {}, ...objects: readonly SpecObject[]): void {
    this.synced = true;
    this.absent = absent;
    this.objects.clear();
    for (const object of objects) this.objects.set(`${object.metadata.namespace}/${object.metadata.name}`, object);
    for (const listener of this.#listeners) listener({ changed: new Map(this.objects) });
  }

  start(): void {}

  async close(): Promise<void> {}
}

interface Rig {
  readonly clock: ManualClock;
  readonly policies: Told;
  readonly clusterSets: Told;
  readonly watch: PolicyWatch;
}

async function rig(memoryFile?: string): Promise<Rig> {
  const [policies, clusterSets] = [new Told(), new Told()];
  const clock = new ManualClock();
  const watch = new PolicyWatch({ clock, log: silentLogger, policies, clusterSets }, { memoryFile });
  await watch.start();
  return { clock, policies, clusterSets, watch };
}

async function temporaryFile(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-policies-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'policies');
}

function policy(name: string, cluster: string): SpecObject {
  const metadata = { namespace: 'shop', name, creationTimestamp: '2026-11-24T12:00:00Z', labels: { a: 'b' } };
  return { metadata, spec: { order: [{ cluster }] } };
}

function clusterSet(spec: unknown): SpecObject {
  return { metadata: { name: 'default' }, spec };
}

const firstOf = ({ watch }: Rig): unknown => failoverOf(watch.value.failover, serviceKey('shop', 'cart'))?.places[0];

test('nothing is known before both kinds were listed', async () => {
  const one = await rig();
  one.policies.tell({}, policy('p', 'west'));
  assert.equal(one.watch.known, false);
  one.clusterSets.tell();
  assert.equal(one.watch.known, true);
  assert.deepEqual(firstOf(one), { kind: 'cluster', cluster: 'west' });
});

test('what was known is known at the next start, before the API server says a word', async (t) => {
  const file = await temporaryFile(t);
  const before = await rig(file);
  before.policies.tell({}, policy('p', 'west'));
  before.clusterSets.tell({}, clusterSet({ imports: ['shop'], importPins: [{ namespace: 'a', clusters: ['x'] }] }));
  await before.watch.close();
  const after = await rig(file);
  assert.equal(after.watch.known, true);
  assert.deepEqual(after.watch.value, before.watch.value);
  assert.deepEqual([...(after.watch.value.pins ?? [])], [['a', ['x']]]);
  assert.deepEqual([...after.watch.resolved.verdicts.keys()], ['shop/p']);
});

test('a kind that is missing is doubted for a while where something is known of it, and then believed', async (t) => {
  const file = await temporaryFile(t);
  const before = await rig(file);
  before.policies.tell({}, policy('p', 'west'));
  before.clusterSets.tell();
  await before.watch.close();
  const after = await rig(file);
  after.policies.tell({ absent: true });
  after.clusterSets.tell({ absent: true });
  assert.deepEqual(firstOf(after), { kind: 'cluster', cluster: 'west' });
  await after.clock.advance(30_000);
  assert.equal(firstOf(after), undefined);
});

test('a status that changes is no news, and an order that changes is', async () => {
  const one = await rig();
  let told = 0;
  one.watch.onChange(() => (told += 1));
  one.clusterSets.tell({}, clusterSet({ imports: ['shop'] }));
  one.policies.tell({}, policy('p', 'west'));
  const { value } = one.watch;
  assert.equal(told, 1);
  one.policies.tell({}, policy('p', 'west'));
  one.clusterSets.tell({}, clusterSet({ imports: ['shop'] }));
  assert.deepEqual([told, one.watch.value === value], [1, true]);
  one.policies.tell({}, policy('p', 'east'));
  assert.equal(told, 2);
  assert.equal(one.watch.value.imports, value.imports);
});

test('an object that does not fit its schema is left out, and a ClusterSet that does not leaves what was before', async () => {
  const one = await rig();
  one.policies.tell({}, policy('p', 'west'), { metadata: { namespace: 'shop', name: 'bad' }, spec: { order: 7 } });
  one.clusterSets.tell({}, clusterSet({ imports: ['shop'] }));
  assert.deepEqual([...one.watch.resolved.verdicts.keys()], ['shop/p']);
  one.clusterSets.tell({}, clusterSet({ imports: 'all' }));
  assert.deepEqual([...(one.watch.value.imports?.namespaces ?? [])], ['shop']);
  one.clusterSets.tell();
  assert.equal(one.watch.value.imports, undefined);
});

test('a file that is damaged is as if there were none', async (t) => {
  const file = await temporaryFile(t);
  const before = await rig(file);
  before.policies.tell({}, policy('p', 'west'));
  before.clusterSets.tell();
  await before.watch.close();
  const { readFile, writeFile } = await import('node:fs/promises');
  await writeFile(file, (await readFile(file, 'utf8')).replace('west', 'east'));
  assert.equal((await rig(file)).watch.known, false);
});
