/**
 * A clusterset of 100 members with 1,000 services each, in both shapes: 1,000 names that all of them export, and 100,000
 * distinct names of which the reader imports 1,000. What a start costs, what one change costs and sends, what beats
 * cost, and what a storm of changes does.
 *
 *     node bench/scale.ts [starts|change|heartbeats|storm]...
 *
 * ISTHMUS_BENCH_STORM_S (60) and ISTHMUS_BENCH_ROUNDS (3) make it shorter; ISTHMUS_BENCH_STORES (embedded,valkey) may name
 * `server`, the store server, too.
 */
import { measureFloor, measureStarts } from './scale/cold-start.ts';
import type { Figure } from './scale/figures.ts';
import { FilledStore } from './scale/filled-store.ts';
import { measureHeartbeats } from './scale/heartbeats.ts';
import { changeFigures, measureChange } from './scale/one-change.ts';
import { report } from './scale/report.ts';
import type { Shape, ShapeName } from './scale/shape.ts';
import { measureStorm } from './scale/storm.ts';
import { availableStores, type StoreName } from './scale/stores.ts';

const SHAPES: readonly ShapeName[] = ['shared', 'distinct'];
const MEMBERS = 100;
const MEMBERS_FEW = 10;
const MEMBERS_BEATING = 200;
const SERVICES_EACH = 1_000;
const HEARTBEATS_MS = 24_000;

const rounds = Number(process.env['ISTHMUS_BENCH_ROUNDS'] ?? '3');
const stormMs = Number(process.env['ISTHMUS_BENCH_STORM_S'] ?? '60') * 1_000;
const asked = new Set(process.argv.slice(2));
const named = (process.env['ISTHMUS_BENCH_STORES'] ?? 'embedded,valkey').split(',');
const stores = availableStores().filter((store) => named.includes(store));
const overWire = stores.filter((store) => store !== 'embedded');

function isAsked(part: string): boolean {
  return asked.size === 0 || asked.has(part);
}

async function withStore<T>(store: StoreName, shape: Shape, work: (filled: FilledStore) => Promise<T>): Promise<T> {
  await using filled = await FilledStore.fill(store, shape);
  return await work(filled);
}

async function starts(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const name of SHAPES) {
    const shape = { name, members: MEMBERS, servicesEach: SERVICES_EACH };
    for (const store of stores) {
      figures.push(...(await withStore(store, shape, (filled) => startsOf(filled))));
    }
  }
  return figures;
}

async function startsOf(filled: FilledStore): Promise<Figure[]> {
  const figures = await measureStarts(filled, rounds);
  if (filled.store.name !== 'embedded') return figures;
  const floorMs = await measureFloor(filled);
  const [start] = figures;
  const what = `${filled.shape.name}, embedded: read, hash and parse the same ${(filled.bytes / 1e6).toFixed(0)} MB (floor)`;
  return [
    ...figures,
    { what, value: floorMs, unit: 'ms' },
    {
      what: `${filled.shape.name}, embedded: start against the floor`,
      value: (start?.value ?? 0) / floorMs,
      unit: 'ratio',
    },
  ];
}

async function changes(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const store of overWire) {
    for (const name of SHAPES) {
      const costOf = async (members: number) => ({
        members,
        cost: await withStore(store, { name, members, servicesEach: SERVICES_EACH }, measureChange),
      });
      figures.push(...changeFigures(`${name}, ${store}`, await costOf(MEMBERS_FEW), await costOf(MEMBERS)));
    }
  }
  return figures;
}

async function heartbeats(): Promise<Figure[]> {
  const figures: Figure[] = [];
  const shape: Shape = { name: 'shared', members: MEMBERS_BEATING, servicesEach: 10 };
  for (const store of overWire) {
    figures.push(...(await withStore(store, shape, (filled) => measureHeartbeats(filled, HEARTBEATS_MS))));
  }
  return figures;
}

async function storms(): Promise<Figure[]> {
  const store = overWire.at(-1) ?? 'embedded';
  const shape: Shape = { name: 'shared', members: MEMBERS, servicesEach: SERVICES_EACH };
  return await withStore(store, shape, (filled) => measureStorm(filled, stormMs));
}

const figures: Figure[] = [];
if (isAsked('starts')) figures.push(...(await starts()));
if (isAsked('change')) figures.push(...(await changes()));
if (isAsked('heartbeats')) figures.push(...(await heartbeats()));
if (isAsked('storm')) figures.push(...(await storms()));
await report(figures);
