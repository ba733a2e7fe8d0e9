import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './mutants.ts';

/**
 * Changes one source while it is loaded, in this process alone: nothing on disk is touched. To be called before anything that
 * leads to the file is imported.
 */
const ROOT = resolve(import.meta.dirname, '../..');

/** @throws Error when the text to change is not there exactly once */
export function applyMutant({ name, file, find, replace }: Mutant): void {
  const url = pathToFileURL(resolve(ROOT, file)).href;
  const source = readFileSync(resolve(ROOT, file), 'utf8');
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`mutant ${name}: ${file} has its text ${parts.length - 1} times, not once`);
  const mutated = parts.join(replace);
  registerHooks({
    load: (loaded, context, nextLoad) => {
      const result = nextLoad(loaded, context);
      return loaded === url ? { ...result, source: mutated } : result;
    },
  });
}
