import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { IsthmusError } from '../../runtime/errors.ts';

/** The shared libraries that a program loads, found as the machine's own loader finds them. */
export interface SharedLibrary {
  /** Where the program looks for it. */
  readonly path: string;
  /** The file behind that path here. */
  readonly file: string;
}

export class LibraryMissingError extends IsthmusError {
  constructor(program: string, name: string) {
    super('library-missing', `${program} needs ${name}, which this machine has not`);
  }
}

export function sharedLibraries(program: string): readonly SharedLibrary[] {
  return parseLdd(program, execFileSync('ldd', [program], { encoding: 'utf8' })).map((path) => ({
    path,
    file: realpathSync(path),
  }));
}

/** Lines of ldd(1): `NAME => PATH (ADDRESS)`, or `PATH (ADDRESS)` for the loader itself; linux-vdso has no file. */
export function parseLdd(program: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const missing = /^\s*(\S+) => not found/.exec(line);
    if (missing !== null) throw new LibraryMissingError(program, missing[1] ?? '');
    const found = /^\s*(?:\S+ => )?(\/\S+) \(0x/.exec(line);
    return found?.[1] === undefined ? [] : [found[1]];
  });
}
