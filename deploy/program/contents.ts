import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** What the program is made of, for the image and for the archive: its sources without tests, and its libraries without types. */
const FOLDERS = [
  'bin',
  'cli',
  'controller',
  'demo',
  'federation',
  'gateway-config',
  'kubernetes',
  'protos/gen',
  'runtime',
  'sources',
  'topologies',
  'trust',
  'deploy/crds',
  'deploy/manifests',
] as const;
const FILES = ['package.json', 'LICENSE', 'CHANGELOG.md'] as const;
/** Of our own folders: what only tests, generators and readers of the sources need. */
const NOT_OURS = /\.test\.ts$|\.fixture\.ts$|conformance\.ts$|\/(testing|testdata|conformance)\/|\.binpb$|\.pb\.json$/;
/** Of libraries: types, maps, other module systems' leftovers that nothing loads at run time. Licences stay. */
const NOT_OF_LIBRARIES =
  /\.d\.[cm]?ts$|\.map$|\.tsbuildinfo$|\.flow$|\/(test|tests|__tests__|\.github|docs|example|examples)\//;

/** Paths below `root`, sorted. */
export function sourceFiles(root: string): readonly string[] {
  const inFolders = FOLDERS.flatMap((folder) => filesBelow(root, folder)).filter((file) => !NOT_OURS.test(file));
  return [...FILES, ...inFolders].toSorted();
}

/** The libraries that run, as the lock file names them. */
export function libraryFiles(root: string): readonly string[] {
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: root, encoding: 'utf8' });
  const folders = listed
    .split('\n')
    .filter((line) => line !== '' && line !== root)
    .map((folder) => relative(root, folder));
  const files = new Set(folders.flatMap((folder) => filesBelow(root, folder, 'node_modules')));
  return [...files].filter((file) => !NOT_OF_LIBRARIES.test(file)).toSorted();
}

function filesBelow(root: string, folder: string, except?: string): readonly string[] {
  const found: string[] = [];
  for (const name of readdirSync(join(root, folder)).toSorted()) {
    const path = join(folder, name);
    if (name === except) continue;
    if (statSync(join(root, path)).isDirectory()) found.push(...filesBelow(root, path, except));
    else found.push(path);
  }
  return found;
}
