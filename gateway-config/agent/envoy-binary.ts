import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { IsthmusError } from '../../runtime/errors.ts';

/** Where Envoy is: a flag, the environment, the project's own tools folder, the search path; the first that is there. */
export class EnvoyMissingError extends IsthmusError {
  constructor(where: string) {
    super('envoy-missing', `no executable envoy at ${where}`, {
      hint: 'run `make install` in the project, install Envoy 1.40, or set ISTHMUS_ENVOY to its path',
    });
  }
}

const PROJECT_TOOLS = resolve(import.meta.dirname, '../../.tools/envoy/bin/envoy');

/** @throws EnvoyMissingError; an explicit choice that is not there is an error, not a reason to look elsewhere */
export function findEnvoy(input: {
  flag?: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
}): string {
  const chosen = input.flag ?? input.env['ISTHMUS_ENVOY'];
  if (chosen !== undefined && chosen !== '') {
    if (isExecutable(chosen)) return chosen;
    throw new EnvoyMissingError(chosen);
  }
  const candidates = [
    PROJECT_TOOLS,
    ...(input.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'envoy')),
  ];
  const found = candidates.find(isExecutable);
  if (found === undefined) throw new EnvoyMissingError(`${PROJECT_TOOLS} or in PATH`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Missing or not executable are the same here: the next candidate is tried.
    return false;
  }
}
