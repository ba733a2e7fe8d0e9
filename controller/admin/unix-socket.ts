import { lstat, unlink } from 'node:fs/promises';
import { createConnection, type Server } from 'node:net';
import { isNativeError } from 'node:util/types';
import { errorText, IsthmusError } from '../../runtime/errors.ts';

/** A unix socket that only its owner may use, at a path where a killed predecessor may have left its own. */

/** `sun_path` of unix(7) has 108 octets with the closing zero. */
const SOCKET_PATH_BYTES_MAX = 107;

export class SocketError extends IsthmusError {
  constructor(path: string, why: string, hint: string, cause?: unknown) {
    super('admin-socket', `cannot listen on ${path}: ${why}`, { fields: { path }, hint, cause });
  }
}

/** Takes away a socket that nobody listens on. Anything else at the path is left alone and is an error. */
export async function clearStaleSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    const why = `the path has more than the ${SOCKET_PATH_BYTES_MAX} octets that a unix socket allows`;
    throw new SocketError(path, why, 'choose a shorter state folder');
  }
  try {
    if (!(await lstat(path)).isSocket()) {
      throw new SocketError(path, 'something that is no socket is there', 'move it away');
    }
  } catch (error) {
    if (isNativeError(error) && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  if (await isAnswered(path)) {
    throw new SocketError(path, 'another controller listens there', 'give each controller its own state folder');
  }
  await unlink(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/**
 * Binds with a mask that takes all rights from group and others. A chmod afterwards would leave a moment in which
 * anybody may connect; binding happens inside `listen`, so no other file of this process is made under the mask.
 */
export function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new SocketError(path, errorText(error), 'the state folder must exist and be writable', error));
    });
    const before = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(before);
    }
  });
}
