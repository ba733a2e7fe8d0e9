import { formatTable } from '../../cli/output/table.ts';
import type { Followed } from './change.ts';
import { type Quantiles, quantilesOf } from './quantiles.ts';

/** Changes of one service, by direction. */
export interface Series {
  readonly name: string;
  readonly lost: readonly Followed[];
  readonly gained: readonly Followed[];
}

/** Of the way from a file in one site to the acknowledgement in another. */
const TARGET_P50_MS = 20;

interface Row {
  readonly what: string;
  readonly changes: number;
  readonly ms: Quantiles;
  readonly ratio: number;
}

export function report(all: readonly Series[], floor: Quantiles): void {
  const rows = [
    { what: 'floor: file watch and one loopback hop', changes: Number.NaN, ms: floor, ratio: 1 },
    ...all.flatMap(({ name, lost, gained }) => [
      rowOf(name, [...lost, ...gained], floor),
      rowOf('  lost its last endpoint', lost, floor),
      rowOf('  got its first endpoint', gained, floor),
    ]),
  ];
  console.log(totals(rows));
  for (const one of all) console.log(shares(one));
  const figures = all.map(({ name, lost, gained }) => {
    const { ms, ratio } = rowOf(name, [...lost, ...gained], floor);
    const steps = stepQuantiles([...lost, ...gained]);
    return { name, ms, timesFloor: Number(ratio.toFixed(1)), stepP50: mapValues(steps, ({ p50 }) => p50) };
  });
  const met = figures.filter(({ name }) => name.includes('west')).every(({ ms }) => ms.p50 <= TARGET_P50_MS);
  console.log(JSON.stringify({ bench: 'propagation', floor, figures, targetP50Ms: TARGET_P50_MS, met }));
}

/** Of one series that has no floor beside it. */
export function reportOne(
  { name, lost, gained }: Series,
  { bench, targetP50Ms }: { readonly bench: string; readonly targetP50Ms: number },
): void {
  const both = [...lost, ...gained];
  const ms = quantilesOf(both.map(({ totalMs }) => totalMs));
  console.log(shares({ name, lost, gained }));
  const stepP50 = mapValues(stepQuantiles(both), ({ p50 }) => p50);
  const [lostMs, gainedMs] = [lost, gained].map((of) => quantilesOf(of.map(({ totalMs }) => totalMs)));
  console.log(JSON.stringify({ bench, ms, lostMs, gainedMs, stepP50, targetP50Ms, met: ms.p50 <= targetP50Ms }));
}

function rowOf(what: string, followed: readonly Followed[], floor: Quantiles): Row {
  const ms = quantilesOf(followed.map(({ totalMs }) => totalMs));
  return { what, changes: followed.length, ms, ratio: ms.p50 / floor.p50 };
}

function totals(rows: readonly Row[]): string {
  const ms = (value: number): string => value.toFixed(1);
  return formatTable<Row>(
    [
      { header: 'RENAME-TO-ACK, MS', cell: ({ what }) => what },
      { header: 'CHANGES', cell: ({ changes }) => (Number.isNaN(changes) ? '-' : changes) },
      { header: 'P50', cell: (row) => ms(row.ms.p50) },
      { header: 'P90', cell: (row) => ms(row.ms.p90) },
      { header: 'P99', cell: (row) => ms(row.ms.p99) },
      { header: 'MAX', cell: (row) => ms(row.ms.max) },
      { header: 'TIMES-FLOOR', cell: ({ ratio }) => ratio.toFixed(1) },
    ],
    rows,
  );
}

/** The median of each step, and its share of their sum: medians of steps do not add up to the median of the whole. */
function shares({ name, lost, gained }: Series): string {
  const medians = Object.entries(stepQuantiles([...lost, ...gained]));
  const sum = medians.reduce((total, [, { p50 }]) => total + p50, 0);
  const changed = [...new Set([...lost, ...gained].flatMap(({ resources }) => resources.map((one) => one.name)))];
  const table = formatTable<(typeof medians)[number]>(
    [
      { header: `STEP: ${name}`, cell: ([step]) => step },
      { header: 'P50', cell: ([, { p50 }]) => p50.toFixed(2) },
      { header: 'P99', cell: ([, { p99 }]) => p99.toFixed(2) },
      { header: 'SHARE', cell: ([, { p50 }]) => `${((100 * p50) / sum).toFixed(0)} %` },
    ],
    medians,
  );
  const everything = quantilesOf([...lost, ...gained].map(({ everythingMs }) => everythingMs)).p50.toFixed(1);
  const rest = changed.length === 1 ? '' : `; all of it acknowledged after ${everything} (p50)`;
  return `${table}changed: ${changed.join(', ')}${rest}\n`;
}

function stepQuantiles(followed: readonly Followed[]): Readonly<Record<string, Quantiles>> {
  const steps = Object.keys(followed[0]?.steps ?? {});
  return Object.fromEntries(
    steps.map((step) => [step, quantilesOf(followed.map((one) => one.steps[step] ?? Number.NaN))]),
  );
}

function mapValues<A, B>(values: Readonly<Record<string, A>>, of: (value: A) => B): Readonly<Record<string, B>> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, of(value)]));
}
