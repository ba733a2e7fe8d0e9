/** One text for equal values: record maps of one content may come in any order. */
export function canonicalText(hashes: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(hashes).sort(([left], [right]) => (left < right ? -1 : 1)));
}
