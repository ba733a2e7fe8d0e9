import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Copies files of `root` into `folder`, below the same paths. Links are followed: what is shipped must stand alone. */
export function stage(files: readonly string[], root: string, folder: string): void {
  for (const file of files) {
    const target = join(folder, file);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(root, file), target, { dereference: true });
  }
}
