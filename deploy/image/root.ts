import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sharedLibraries } from './libraries.ts';

/**
 * The file system of the image below our own files: two programs, the libraries they load, and the few files that a C
 * library looks for. No shell, no package manager, nothing to log in to.
 */
export const IMAGE_USER = { name: 'isthmus', id: 65_532 } as const;
export const PROGRAM_FOLDER = '/opt/isthmus';
export const NODE_PATH = '/usr/local/bin/node';
export const ENVOY_PATH = '/usr/local/bin/envoy';

const PASSWD = `root:x:0:0:root:/:/sbin/nologin\n${IMAGE_USER.name}:x:${IMAGE_USER.id}:${IMAGE_USER.id}::/:/sbin/nologin\n`;
const GROUP = `root:x:0:\n${IMAGE_USER.name}:x:${IMAGE_USER.id}:\n`;
/** glibc asks files, then DNS; without this file it asks DNS first and `localhost` leaves the pod. */
const NSSWITCH = 'hosts: files dns\n';
/** Loaded by name when a host name is looked up, so that ldd does not see them. */
const LOADED_BY_NAME = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'];

export function stageBase(folder: string, node: string): void {
  putProgram(folder, node, NODE_PATH);
  const etc = join(folder, 'etc');
  mkdirSync(etc, { recursive: true });
  writeFileSync(join(etc, 'passwd'), PASSWD);
  writeFileSync(join(etc, 'group'), GROUP);
  writeFileSync(join(etc, 'nsswitch.conf'), NSSWITCH);
  for (const empty of ['tmp', 'var/lib/isthmus', 'proc', 'sys', 'dev'])
    mkdirSync(join(folder, empty), { recursive: true });
  const bin = join(folder, 'usr/local/bin');
  symlinkSync(`${PROGRAM_FOLDER}/bin/isthmus-image`, join(bin, 'isthmus'));
}

export function stageEnvoy(folder: string, envoy: string): void {
  putProgram(folder, envoy, ENVOY_PATH);
}

function putProgram(folder: string, from: string, to: string): void {
  put(folder, from, to);
  chmodSync(join(folder, to), 0o755);
  const libraries = sharedLibraries(from);
  for (const { path, file } of libraries) put(folder, file, path);
  const libc = libraries.find(({ path }) => path.includes('/libc.so'));
  if (libc === undefined) return;
  for (const name of LOADED_BY_NAME) {
    const beside = join(dirname(libc.path), name);
    try {
      put(folder, join(dirname(libc.file), name), beside);
    } catch {
      // glibc 2.34 and later has files and dns built in.
    }
  }
}

function put(folder: string, from: string, to: string): void {
  const target = join(folder, to);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(from, target, { dereference: true });
}
