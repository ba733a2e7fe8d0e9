/** Which real servers this checkout has: Valkey from its Python package, Redis (with TLS) from the distribution. */
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';

export type Program = 'valkey' | 'redis';

const PATHS: Readonly<Record<Program, string>> = {
  valkey: resolve(import.meta.dirname, '../../.tools/valkey/bin/valkey-server'),
  redis: resolve(import.meta.dirname, '../../.tools/redis/bin/redis-server'),
};

export function programPath(program: Program): string {
  return PATHS[program];
}

export function isInstalled(program: Program): boolean {
  try {
    accessSync(PATHS[program], constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The programs that tests can run on. One that is missing is named aloud together with what is left out for lack of it:
 * CI looks for these words and fails.
 */
export function installedPrograms(leftOut: string): readonly Program[] {
  const programs: readonly Program[] = ['valkey', 'redis'];
  return programs.filter((program) => {
    const installed = isInstalled(program);
    if (!installed) process.stdout.write(`NOT TESTED: ${leftOut} on ${program}: ${PATHS[program]} is missing\n`);
    return installed;
  });
}

/** For what only one program can do (TLS: only Redis here). False, and said aloud, when that one is missing. */
export function hasProgram(program: Program, leftOut: string): boolean {
  if (isInstalled(program)) return true;
  process.stdout.write(`NOT TESTED: ${leftOut}: ${PATHS[program]} is missing\n`);
  return false;
}
