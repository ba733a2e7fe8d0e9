/** Releases as programs: the recorded commit of one, unpacked beside this version, with the libraries and tools of this checkout. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
/** What is not in the history: libraries, programs, and code that is generated from descriptors that did not change since. */
const LINKED = ['node_modules', '.tools', 'gateway-config/gen', 'protos/gen'];
const ARCHIVE_BYTES_MAX = 256 * 1024 * 1024;

/** This version's `bin/isthmus`. */
export const CURRENT = join(ROOT, 'bin/isthmus');

export interface Release extends Disposable {
  readonly version: string;
  /** Its `bin/isthmus`. */
  readonly program: string;
}

/** All of docs/releases.md, oldest first; none in a clone that has not the commits. */
export function releases(): readonly Release[] {
  const text = readFileSync(join(ROOT, 'docs/releases.md'), 'utf8');
  return [...text.matchAll(/^\| (\d+\.\d+\.\d+) \|.*`([0-9a-f]{40})`/gm)].flatMap(([, version = '', commit = '']) => {
    if (spawnSync('git', ['-C', ROOT, 'cat-file', '-e', `${commit}^{commit}`]).status !== 0) return [];
    return [unpacked(version, commit)];
  });
}

function unpacked(version: string, commit: string): Release {
  const folder = mkdtempSync(join(tmpdir(), `isthmus-${version}-`));
  // An archive, not a worktree: nothing of it is to be seen in the checkout, however a test ends.
  const input = execFileSync('git', ['-C', ROOT, 'archive', commit], { maxBuffer: ARCHIVE_BYTES_MAX });
  execFileSync('tar', ['-x', '-C', folder], { input });
  for (const path of LINKED) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(join(ROOT, path), join(folder, path));
  }
  return {
    version,
    program: join(folder, 'bin/isthmus'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
