/** Reads the Prometheus text format as far as the cases need it, and names values by their content. */
import { createHash } from 'node:crypto';

const SAMPLE = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$/i;
const LABEL = /([a-z_][a-z0-9_]*)="((?:[^"\\]|\\.)*)"/gi;

/** Sum over all samples of the name that carry these labels; undefined when there is none. */
export function sampleOf(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  let sum: number | undefined;
  for (const line of text.split('\n')) {
    const [, found, list = '', value] = SAMPLE.exec(line) ?? [];
    if (found !== name) continue;
    const has = new Map([...list.matchAll(LABEL)].map(([, key, content]) => [key, content]));
    if (Object.entries(labels).every(([key, content]) => has.get(key) === content)) sum = (sum ?? 0) + Number(value);
  }
  return sum;
}

export function digestOfText(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
