/**
 * Writes what is made from the values' schema and the manifests, so that each fact is said once: the chart's values, their
 * JSON Schema and its rules, the kustomize base and the table of the reference. A test compares what is committed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { generatedFiles } from './generated.ts';

const ROOT = resolve(import.meta.dirname, '../..');

for (const [path, text] of generatedFiles(ROOT)) {
  const file = join(ROOT, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
