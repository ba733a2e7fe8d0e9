import { SortedMap } from '../../federation/model/sorted-map.ts';

/**
 * JSON with sorted keys, so that two dumps of the same state are the same text and can be compared. Maps become objects,
 * sets lists, bytes base64; whatever has a `toJSON` (keys, tokens: `[redacted]`) decides for itself.
 */
const DEPTH_MAX = 100;

export function sortedJson(value: unknown): string {
  return `${JSON.stringify(plain(value, 0), undefined, 2) ?? 'null'}\n`;
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return '[too deep]';
  if ('toJSON' in value && typeof value.toJSON === 'function') return value.toJSON() as unknown;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item: unknown) => plain(item, depth + 1));
  const entries =
    value instanceof Map || value instanceof SortedMap
      ? [...value].map(([key, item]) => [String(key), item])
      : Object.entries(value);
  const sorted = entries.toSorted(([left], [right]) => (String(left) < String(right) ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, item]) => [String(key), plain(item, depth + 1)]));
}
