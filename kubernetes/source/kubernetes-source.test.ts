import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serviceKey } from '../../federation/model/ids.ts';
import { ManualClock } from '../../runtime/clock.ts';
import type { Finding } from '../../runtime/errors.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import type { ObjectKey } from '../api/objects.ts';
import type { SlimGrant } from '../../federation/model/export-grants.ts';
import type { NamespaceState, SlimExport, SlimService } from '../exports/projections.ts';
import type { SlimSlice } from '../exports/slice-projection.ts';
import { KubernetesSource } from './kubernetes-source.ts';
import type { Reflected } from './reflected.ts';

/** A collection that the test fills: what a reflector knows, and when it tells so. */
class Table<T> implements Reflected<T> {
  readonly objects = new Map<ObjectKey, T>();
  readonly #listeners = new Set<(change: { readonly changed: ReadonlyMap<ObjectKey, T | undefined> }) => void>();
  synced = false;
  absent = false;
  findings: readonly Finding[] = [];

  onChange(listener: (change: { readonly changed: ReadonlyMap<ObjectKey, T | undefined> }) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  start(): void {}

  async close(): Promise<void> {}

  tell(changed: ReadonlyMap<ObjectKey, T | undefined> = new Map()): void {
    for (const listener of this.#listeners) listener({ changed });
  }

  /** Complete, with these objects. Told only by `tell`. */
  complete(entries: readonly (readonly [ObjectKey, T])[] = []): void {
    for (const [key, value] of entries) this.objects.set(key, value);
    this.synced = true;
  }
}

interface Tables {
  readonly services: Table<SlimService>;
  readonly slices: Table<SlimSlice>;
  readonly exports: Table<SlimExport>;
  readonly namespaces: Table<NamespaceState>;
  readonly grants: Table<SlimGrant>;
}

const SHOP = serviceKey('default', 'shop');
const SERVICE: SlimService = {
  type: 'ClusterSetIP',
  leaving: false,
  ports: [{ name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' }],
  notCarried: [],
  families: ['IPv4'],
  sessionAffinity: 'None',
};
const WANTED: SlimExport = { uid: 'u', generation: 1, exportedAtMs: 1, leaving: false, labels: {}, annotations: {} };

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isthmus-source-'));
});
after(() => rm(folder, { recursive: true }));

async function open(memoryFile?: string): Promise<{ source: KubernetesSource; tables: Tables; clock: ManualClock }> {
  const tables: Tables = {
    services: new Table(),
    slices: new Table(),
    exports: new Table(),
    namespaces: new Table(),
    grants: new Table(),
  };
  const clock = new ManualClock();
  const components = { clock, log: silentLogger, metrics: new Metrics(), reflectors: tables };
  const source = new KubernetesSource(components, { memoryFile });
  await source.start();
  return { source, tables, clock };
}

function fillAll(tables: Tables): void {
  tables.services.complete([[SHOP, SERVICE]]);
  tables.exports.complete([[SHOP, WANTED]]);
  for (const table of [tables.slices, tables.namespaces, tables.grants]) table.complete();
}

/** A file in which the shop is exported. */
async function kept(name: string): Promise<string> {
  const path = join(folder, name);
  const { source, tables } = await open(path);
  fillAll(tables);
  tables.services.tell();
  await source.close();
  return path;
}

test('nothing is known until every kind was listed, and then all of it at once', async () => {
  const { source, tables } = await open();
  fillAll(tables);
  tables.grants.synced = false;
  const seen: (number | undefined)[] = [];
  source.onChange((view) => seen.push(source.known ? view.services.size : undefined));
  tables.services.tell(tables.services.objects);
  tables.exports.tell(tables.exports.objects);
  assert.equal(source.known, false);
  assert.deepEqual(seen, []);
  tables.grants.complete();
  tables.grants.tell();
  assert.deepEqual(seen, [1]);
  await source.close();
});

test('a list that is complete but not told yet is not taken for an empty one', async () => {
  const { source, tables } = await open();
  fillAll(tables);
  tables.namespaces.tell();
  assert.equal(source.synced, true);
  assert.ok(source.view.services.has(SHOP));
  await source.close();
});

test('a start at which nothing answers serves what was known before, without judging exports', async () => {
  const { source } = await open(await kept('dark'));
  assert.equal(source.known, true);
  assert.equal(source.synced, false);
  assert.ok(source.view.services.has(SHOP));
  assert.equal(source.exports.size, 0);
  await source.close();
});

test('a file that is damaged is a finding and nothing known', async () => {
  const path = await kept('damaged');
  await writeFile(path, 'not ours');
  const { source, tables } = await open(path);
  assert.equal(source.known, false);
  assert.deepEqual(
    source.findings.map(({ reason }) => reason),
    ['KeptFileDamaged'],
  );
  fillAll(tables);
  tables.services.tell();
  assert.deepEqual(source.findings, []);
  await source.close();
});

test('a missing kind counts as empty at once where nothing was known', async () => {
  const { source, tables } = await open();
  fillAll(tables);
  tables.grants.absent = true;
  tables.grants.tell();
  assert.equal(source.synced, true);
  await source.close();
});

test('a missing kind is doubted for a while where exports were known', async () => {
  const { source, tables, clock } = await open(await kept('doubted'));
  fillAll(tables);
  tables.exports.objects.clear();
  tables.exports.absent = true;
  tables.exports.tell();
  assert.ok(source.view.services.has(SHOP));
  await clock.advance(29_000);
  assert.ok(source.view.services.has(SHOP));
  await clock.advance(1_000);
  assert.equal(source.view.services.size, 0);
  assert.equal(source.synced, true);
  await source.close();
});

test('listeners hear of exports by name, and of nothing when nothing changed', async () => {
  const { source, tables } = await open();
  fillAll(tables);
  const heard: string[] = [];
  source.onExports((changed) => heard.push([...changed].join()));
  tables.services.tell();
  tables.services.tell(new Map([[SHOP, SERVICE]]));
  tables.services.tell(new Map([[SHOP, undefined]]));
  assert.deepEqual(heard, [SHOP, SHOP]);
  assert.equal(source.exports.get(SHOP)?.outcome, 'invalid');
  assert.deepEqual(
    source.findings.map(({ reason }) => reason),
    ['NoService'],
  );
  await source.close();
});
