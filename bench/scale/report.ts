import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatTable } from '../../cli/output/table.ts';
import { type Figure, isMet } from './figures.ts';

const OUT = join(import.meta.dirname, '../../out');

/** A table for people; one line of JSON, also kept in `out/scale.json`. */
export async function report(figures: readonly Figure[]): Promise<void> {
  const table = formatTable<Figure>(
    [
      { header: 'FIGURE', cell: ({ what }) => what },
      { header: 'VALUE', cell: ({ value, unit }) => `${shown(value)} ${unit}` },
      { header: 'TARGET', cell: ({ target, unit }) => (target === undefined ? '-' : `<= ${target} ${unit}`) },
      { header: '', cell: (figure) => verdict(figure) },
    ],
    figures,
  );
  console.log(table);
  const line = JSON.stringify({
    bench: 'scale',
    figures: figures.map((figure) => ({ ...figure, met: isMet(figure) })),
  });
  console.log(line);
  await mkdir(OUT, { recursive: true });
  await writeFile(join(OUT, 'scale.json'), `${line}\n`);
}

function verdict(figure: Figure): string {
  const met = isMet(figure);
  if (met === undefined) return '-';
  return met ? 'pass' : 'MISS';
}

function shown(value: number): string {
  return value.toFixed(Math.abs(value) < 100 ? 2 : 0);
}
