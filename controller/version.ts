import { readFileSync } from 'node:fs';

/** The version of this software, as `isthmus version`, the cluster record and `isthmus_build_info` tell it. */
export function softwareVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  // Our own file, covered by the test of `isthmus version`.
  return (JSON.parse(text) as { readonly version: string }).version;
}
